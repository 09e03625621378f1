"""Gradient transformations before an optimizer: `chain(ClipByGlobalNorm(), Adam())`."""

from typing import Any

import equinox as eqx
from jaxtyping import Array, Int

from thalweg.core.errors import InvalidInput
from thalweg.core.packing import Packing
from thalweg.core.typing import Params
from thalweg.optimizers.base import AbstractOptimizer, own_values, under
from thalweg.optimizers.clipping import AbstractTransform
from thalweg.optimizers.leafwise import no_steps
from thalweg.optimizers.objective import Objective, Value
from thalweg.optimizers.wrapper import AbstractWrapper
from thalweg.schedules.base import resolve


class ChainState(eqx.Module):
    count: Int[Array, ""]  # updates made
    inner: Any  # the optimizer's state


class Chain(AbstractWrapper[ChainState]):
    """Gradients pass the transformations in their order, then reach the optimizer."""

    transforms: tuple[AbstractTransform, ...]
    optimizer: AbstractOptimizer[Any]

    def init(self, params: Params) -> ChainState:
        return ChainState(no_steps(), self.optimizer.init(params))

    def step(
        self, objective: Objective, state: ChainState, params: Params
    ) -> tuple[Value, Params, ChainState]:
        transforms = resolve(self.transforms, state.count)

        def transformed(grads: Params, params: Params) -> Params:
            for transform in transforms:
                grads = transform(grads, params)
            return grads

        value, updates, inner = self.optimizer.step(
            objective.with_grads(transformed), state.inner, params
        )
        return value, updates, ChainState(state.count + 1, inner)

    def current(self, state: ChainState) -> dict[str, Array]:
        found = self.optimizer.current(state.inner)
        for transform in self.transforms:
            found |= under(type(transform).__name__, own_values(transform, state))
        return found

    def on_vectors(self, packing: Packing) -> AbstractOptimizer[Any] | None:
        inner = self.optimizer.on_vectors(packing)
        if inner is None or not all(t.ignores_shapes for t in self.transforms):
            return None
        return Chain(transforms=self.transforms, optimizer=inner)


def chain(*parts: AbstractTransform | AbstractOptimizer[Any]) -> Chain:
    """Transformations, then one optimizer, as one optimizer.

    Raises `InvalidInput` for another order.
    """
    *transforms, optimizer = parts or (None,)
    right = isinstance(optimizer, AbstractOptimizer) and all(
        isinstance(t, AbstractTransform) for t in transforms
    )
    if not right:
        got = ", ".join(type(part).__name__ for part in parts) or "nothing"
        raise InvalidInput(
            f"`chain` takes gradient transformations and then one optimizer, but got "
            f"{got}. For example: chain(ClipByGlobalNorm(1.0), Adam(1e-3))."
        )
    return Chain(transforms=tuple(transforms), optimizer=optimizer)  # pyright: ignore[reportArgumentType]
