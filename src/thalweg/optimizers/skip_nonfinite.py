"""Leave out the steps whose gradient has a NaN or an infinity."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from thalweg.core.packing import Packing
from thalweg.core.typing import Params
from thalweg.optimizers.base import AbstractOptimizer
from thalweg.optimizers.leafwise import no_steps


class SkipState(eqx.Module):
    skipped: Int[Array, ""]  # updates left out so far
    inner: Any  # the optimizer's state


class SkipNonFinite(AbstractOptimizer[SkipState]):
    """For data with rare broken rows and for half precision, whose range overflows.

    On such a step neither the parameters nor the wrapped state change. It can't mend a
    loss that stays NaN; the count in the state tells.
    """

    optimizer: AbstractOptimizer[Any]

    def init(self, params: Params) -> SkipState:
        return SkipState(no_steps(), self.optimizer.init(params))

    def update(
        self, grads: Params, state: SkipState, params: Params
    ) -> tuple[Params, SkipState]:
        finite = jnp.asarray(True)
        for g in jax.tree.leaves(grads):
            finite &= jnp.isfinite(g).all()
        updates, inner = self.optimizer.update(grads, state.inner, params)
        updates = jax.tree.map(lambda u: jnp.where(finite, u, 0), updates)
        inner = jax.tree.map(lambda n, o: jnp.where(finite, n, o), inner, state.inner)
        return updates, SkipState(state.skipped + ~finite, inner)

    def solution(self, params: Params, state: SkipState) -> Params:
        return self.optimizer.solution(params, state.inner)

    def on_vectors(self, packing: Packing) -> "SkipNonFinite | None":
        inner = self.optimizer.on_vectors(packing)
        return (
            None if inner is None else eqx.tree_at(lambda o: o.optimizer, self, inner)
        )

    def observe(self, state: SkipState, loss: Float[Array, ""]) -> SkipState:
        return SkipState(state.skipped, self.optimizer.observe(state.inner, loss))
