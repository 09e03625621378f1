"""Optimizers of ours in programs written for optax, and optax's in ours.

tx = as_optax(AdamW(1e-3))                 # for optax.chain, TrainState, ...
optimizer = from_optax(optax.adabelief(1e-3))
"""

from typing import Any

import equinox as eqx
from jaxtyping import Array

from thalweg.core.errors import InvalidInput
from thalweg.core.typing import Params
from thalweg.optimizers.base import AbstractOptimizer


class FromOptax(AbstractOptimizer[Any]):
    """See `from_optax`."""

    transformation: Any = eqx.field(static=True)

    def init(self, params: Params) -> Any:
        return self.transformation.init(params)

    def current(self, state: Any) -> dict[str, Array]:
        """What `optax.inject_hyperparams` shows, and otherwise nothing."""
        return dict(getattr(state, "hyperparams", {}))

    def update(self, grads: Params, state: Any, params: Params) -> tuple[Params, Any]:
        return self.transformation.update(grads, state, params)


def from_optax(transformation: Any) -> FromOptax:
    """An optax gradient transformation as one of our optimizers.

    Its hyper-parameters lie in closures: they are part of the compiled program and no
    leaves, so that each value needs a program of its own.

    Raises InvalidInput for what has no `init` and `update`.
    """
    known = isinstance(transformation, tuple) and all(
        callable(getattr(transformation, name, None)) for name in ("init", "update")
    )
    if not known:
        raise InvalidInput(
            "`from_optax` takes an optax gradient transformation, with `init` and "
            f"`update`, but got {transformation!r}."
        )
    return FromOptax(transformation)


def as_optax(optimizer: AbstractOptimizer[Any]) -> Any:
    """Our optimizer as an `optax.GradientTransformation`.

    Its `update` needs the parameters: `tx.update(grads, state, params)`. Schedules
    follow the optimizer's own count. What it recommends instead of the parameters is
    `optimizer.solution(params, state)`.

    Raises InvalidInput without optax, or for what is no optimizer of ours.
    """
    try:
        import optax
    except ImportError:
        raise InvalidInput(
            "`as_optax` needs the package optax, which is not installed. "
            "Run `pip install optax`."
        ) from None
    if not isinstance(optimizer, AbstractOptimizer):
        raise InvalidInput(
            f"`as_optax` takes one of our optimizers, but got {optimizer!r}. "
            "For example: as_optax(AdamW(1e-3))."
        )

    def update(grads: Params, state: Any, params: Any = None) -> tuple[Params, Any]:
        if params is None:
            raise InvalidInput(
                "The update needs the parameters, but got none. "
                "Call `tx.update(grads, state, params)`."
            )
        return optimizer.update(grads, state, params)

    transformation: Any = optax.GradientTransformation
    return transformation(lambda params: optimizer.init(params), update)
