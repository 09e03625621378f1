"""An optimizer whose kind is data: members with different ones share a program."""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from thalweg.core.typing import Params
from thalweg.core.variant import Layout
from thalweg.optimizers.base import AbstractOptimizer
from thalweg.schedules.one_of import check_index


class OneOfState(eqx.Module):
    slots: tuple[Array, ...]  # the state of the one in use; all share them
    layout: Layout = eqx.field(static=True)


class OneOf(AbstractOptimizer[OneOfState]):
    """`alternatives[index]`; all of them are held, so that `index` may be traced.

    In a loop over members only the one named is computed, and a member's state is as
    large as the largest one's, not their sum. Under `vmap` all are computed: group such
    members by optimizer instead.
    """

    alternatives: tuple[AbstractOptimizer[Any], ...]
    index: Int[Array, ""]

    def __init__(self, alternatives: Sequence[AbstractOptimizer[Any]], index: Any = 0):
        self.alternatives = tuple(alternatives)
        self.index = jnp.asarray(index, jnp.int32)
        check_index(len(self.alternatives), self.index)

    def init(self, params: Params) -> OneOfState:
        states = [optimizer.init(params) for optimizer in self.alternatives]
        layout = Layout.of(states)
        slots = self._switch(
            lambda which: layout.write(which, states[which], layout.empty())
        )
        return OneOfState(slots, layout)

    def update(
        self, grads: Params, state: OneOfState, params: Params
    ) -> tuple[Params, OneOfState]:
        layout = state.layout

        def run(which: int) -> tuple[Params, tuple[Array, ...]]:
            inner = layout.read(which, state.slots)
            updates, inner = self.alternatives[which].update(grads, inner, params)
            return updates, layout.write(which, inner, state.slots)

        updates, slots = self._switch(run)
        return updates, OneOfState(slots, layout)

    def observe(self, state: OneOfState, loss: Float[Array, ""]) -> OneOfState:
        layout = state.layout

        def run(which: int) -> tuple[Array, ...]:
            inner = layout.read(which, state.slots)
            inner = self.alternatives[which].observe(inner, loss)
            return layout.write(which, inner, state.slots)

        return OneOfState(self._switch(run), layout)

    def _switch(self, function: Callable[[int], Any]) -> Any:
        branches = [
            lambda which=which: function(which)
            for which in range(len(self.alternatives))
        ]
        return jax.lax.switch(self.index, branches)
