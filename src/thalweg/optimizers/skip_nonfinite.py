"""Leave out the steps whose gradient has a NaN or an infinity."""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

from thalweg.core.typing import Params
from thalweg.optimizers.base import AbstractOptimizer, looks_further
from thalweg.optimizers.leafwise import no_steps
from thalweg.optimizers.objective import Objective, Value
from thalweg.optimizers.wrapper import AbstractWrapper, gradient_step


class SkipState(eqx.Module):
    skipped: Int[Array, ""]  # updates left out so far
    inner: Any  # the optimizer's state


class SkipNonFinite(AbstractWrapper[SkipState]):
    """For data with rare broken rows and for half precision, whose range overflows.

    On such a step neither the parameters nor the wrapped state change. It can't mend a
    loss that stays NaN; the count in the state tells. Around a rule that evaluates the
    loss more than once, updates that are not finite count too.
    """

    ignores_shapes: ClassVar[bool] = True

    optimizer: AbstractOptimizer[Any]

    def init(self, params: Params) -> SkipState:
        return SkipState(no_steps(), self.optimizer.init(params))

    def step(
        self, objective: Objective, state: SkipState, params: Params
    ) -> tuple[Value, Params, SkipState]:
        value, grads, updates, inner = gradient_step(
            self.optimizer, objective, state.inner, params
        )
        finite = all_finite(updates if looks_further(self.optimizer) else grads)
        updates = jax.tree.map(lambda u: jnp.where(finite, u, 0), updates)
        inner = jax.tree.map(lambda n, o: jnp.where(finite, n, o), inner, state.inner)
        return value, updates, SkipState(state.skipped + ~finite, inner)


def all_finite(tree: Params) -> Bool[Array, ""]:
    """Whether no entry is NaN or infinite."""
    finite = jnp.asarray(True)
    for leaf in jax.tree.leaves(tree):
        finite &= jnp.isfinite(leaf).all()
    return finite
