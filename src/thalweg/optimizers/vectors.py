"""Any optimizer for parameters that are packed into vectors, as the trainer keeps them.

Most rules work entry by entry and do so on the vectors as they are; one that needs the
tensors (`Muon`, a clip per tensor) is shown them at each step.
"""

from typing import Any

import equinox as eqx
from jaxtyping import Array, Float

from thalweg.core.packing import Packing, Vectors
from thalweg.optimizers.base import AbstractOptimizer
from thalweg.optimizers.objective import Objective, Value


class Unpacking(AbstractOptimizer[Any]):
    """The optimizer, shown trees; its own state is what it was."""

    optimizer: AbstractOptimizer[Any]
    packing: Packing = eqx.field(static=True)

    def init(self, params: Vectors) -> Any:
        return self.optimizer.init(self.packing.unpack(params))

    def update(
        self, grads: Vectors, state: Any, params: Vectors
    ) -> tuple[Vectors, Any]:
        unpack = self.packing.unpack
        updates, state = self.optimizer.update(unpack(grads), state, unpack(params))
        return self.packing.pack(updates), state

    def step(
        self, objective: Objective, state: Any, params: Vectors
    ) -> tuple[Value, Vectors, Any]:
        pack, unpack = self.packing.pack, self.packing.unpack
        value, updates, state = self.optimizer.step(
            objective.seen_through(pack, unpack), state, unpack(params)
        )
        return value, pack(updates), state

    def solution(self, params: Vectors, state: Any) -> Vectors:
        found = self.optimizer.solution(self.packing.unpack(params), state)
        return self.packing.pack(found)

    def current(self, state: Any) -> dict[str, Array]:
        return self.optimizer.current(state)

    def observe(self, state: Any, loss: Float[Array, ""]) -> Any:
        return self.optimizer.observe(state, loss)


def on_vectors(
    optimizer: AbstractOptimizer[Any], packing: Packing
) -> AbstractOptimizer[Any]:
    """The optimizer for parameters packed so."""
    same = optimizer.on_vectors(packing)
    return Unpacking(optimizer, packing) if same is None else same
