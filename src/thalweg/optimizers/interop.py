"""Optimizers of ours in programs written for optax or Keras, and optax's in ours.

tx = as_optax(AdamW(1e-3))                 # for optax.chain, TrainState, ...
optimizer = from_optax(optax.adabelief(1e-3))
model.compile(optimizer=as_keras(Muon()), loss=...)  # Keras 3, JAX backend
"""

from typing import Any

import equinox as eqx
from jaxtyping import Array

from thalweg.core.errors import InvalidInput
from thalweg.core.typing import Params
from thalweg.optimizers.base import AbstractOptimizer, looks_further


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


def as_keras(optimizer: AbstractOptimizer[Any], *, name: str | None = None) -> Any:
    """Our optimizer as a `keras.optimizers.Optimizer`, for `compile` and `fit`.

    For Keras 3 with KERAS_BACKEND=jax. Parameters have the variables' paths, such as
    "sequential/dense/kernel" (and "embedding" for Keras' "embeddings"); schedules
    follow the optimizer's own count. `learning_rate` reads the rate of the next update
    and may be set, as callbacks do. After a `fit` the model has what the optimizer
    recommends (`solution`); a second `fit` goes on from there.

    Raises InvalidInput without Keras or with another backend, for what is no optimizer
    of ours, and for one that evaluates the loss more than once: Keras does not hand it
    over.
    """
    if not isinstance(optimizer, AbstractOptimizer):
        raise InvalidInput(
            f"`as_keras` takes one of our optimizers, but got {optimizer!r}. "
            "For example: as_keras(AdamW(1e-3))."
        )
    if looks_further(optimizer):
        raise InvalidInput(
            f"{type(optimizer).__name__} evaluates the loss more than once in a step, "
            "but Keras hands over gradients alone. Use `thalweg.train`."
        )
    try:
        import keras
    except ImportError:
        backend = "missing"
    else:
        backend = keras.backend.backend()
    if backend != "jax":
        raise InvalidInput(
            f"`as_keras` needs Keras 3 with its JAX backend, but it is {backend}. Run "
            "`pip install thalweg[keras]`, and set KERAS_BACKEND=jax before Keras is "
            "imported."
        )
    from thalweg.optimizers.keras_adapter import KerasOptimizer

    return KerasOptimizer(optimizer, name)
