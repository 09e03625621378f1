"""Gradient accumulation: one update from the mean gradient of several batches."""

from dataclasses import replace
from typing import Any, ClassVar

import equinox as eqx
import jax
from jaxtyping import Array, Int

from thalweg.core.hyper import hyper
from thalweg.core.typing import Hyper, Params
from thalweg.optimizers.base import AbstractOptimizer
from thalweg.optimizers.leafwise import each, filled, no_steps, whole
from thalweg.optimizers.objective import Objective, Value
from thalweg.optimizers.wrapper import AbstractWrapper


class AccumulateState(eqx.Module):
    count: Int[Array, ""]  # gradients seen
    mean: Params  # of the gradients since the last update
    inner: Any  # the optimizer's state


class Accumulate(AbstractWrapper[AccumulateState]):
    """Batches `every` times as large in the memory of one.

    Between updates the parameters stay. Schedules count gradients, so that a horizon
    means the same with and without; the optimizer's own count is that of its updates.
    A gradient that is not finite spoils all of its group: `Accumulate` belongs inside
    `SkipNonFinite`.
    """

    ignores_shapes: ClassVar[bool] = True

    optimizer: AbstractOptimizer[Any]
    every: Hyper = hyper(4.0)

    def init(self, params: Params) -> AccumulateState:
        inner = self.optimizer.init(params)
        return AccumulateState(no_steps(), filled(params), inner)

    def step(
        self, objective: Objective, state: AccumulateState, params: Params
    ) -> tuple[Value, Params, AccumulateState]:
        value, grads = objective.value_and_grad(params)
        optimizer, every = self.optimizer.at(state.count), whole(self.every)
        seen = state.count % every  # since the last update
        mean = each(lambda m, g: m + (g - m) / (seen + 1), state.mean, grads)

        def go() -> tuple[Params, Params, Any]:
            grads = each(lambda p, m: m, params, mean)
            updates, inner = optimizer.update(grads, state.inner, params)
            return updates, jax.tree.map(lambda m: 0 * m, mean), inner

        def wait() -> tuple[Params, Params, Any]:
            return jax.tree.map(lambda p: 0 * p, params), mean, state.inner

        updates, mean, inner = jax.lax.cond(seen + 1 >= every, go, wait)
        return value, updates, AccumulateState(state.count + 1, mean, inner)

    def current(self, state: AccumulateState) -> dict[str, Array]:
        counted = replace(self, optimizer=self.optimizer.at(state.count))
        return AbstractWrapper.current(counted, state)
