"""Reduce the learning rate when the validation loss has stopped falling.

The bookkeeping is that of PyTorch's `ReduceLROnPlateau`: reduce when the rounds without
improvement *exceed* `patience`; an improvement is a loss below `best * (1 -
threshold)`. Departs from it: the bound is `best - threshold * |best|`, so that negative
losses have to improve too; NaN is no improvement.
"""

from dataclasses import KW_ONLY, replace
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from thalweg.core.hyper import hyper
from thalweg.core.typing import Hyper, Params
from thalweg.optimizers.base import AbstractOptimizer, scaled
from thalweg.optimizers.objective import Objective, Value
from thalweg.optimizers.wrapper import AbstractWrapper


class PlateauState(eqx.Module):
    inner: Any  # the optimizer's state
    scale: Float[Array, ""]  # of the learning rate
    best: Float[Array, ""]  # least loss so far
    bad: Float[Array, ""]  # rounds since the last improvement
    resting: Float[Array, ""]  # rounds of cooldown left


class ReduceOnPlateau(AbstractWrapper[PlateauState]):
    """When the horizon isn't known: the validation loss decides when to slow down.

    It multiplies the optimizer's learning rate, schedule or not. Rounds are calls of
    `observe`.
    """

    ignores_shapes: ClassVar[bool] = True

    optimizer: AbstractOptimizer[Any]
    _: KW_ONLY
    factor: Hyper = hyper(0.1)
    patience: Hyper = hyper(10)  # rounds without improvement that are tolerated
    threshold: Hyper = hyper(1e-4)  # relative
    cooldown: Hyper = hyper(0)  # rounds after a reduction that don't count
    min_scale: Hyper = hyper(0.0)

    def init(self, params: Params) -> PlateauState:
        one = jnp.ones((), jnp.result_type(float))
        return PlateauState(
            self.optimizer.init(params),
            one,
            best=one * jnp.inf,
            bad=0 * one,
            resting=0 * one,
        )

    def step(
        self, objective: Objective, state: PlateauState, params: Params
    ) -> tuple[Value, Params, PlateauState]:
        optimizer = self._reduced(state).optimizer
        value, updates, inner = optimizer.step(objective, state.inner, params)
        return value, updates, replace(state, inner=inner)

    def current(self, state: PlateauState) -> dict[str, Array]:
        return AbstractWrapper.current(self._reduced(state), state)

    def _reduced(self, state: PlateauState) -> "ReduceOnPlateau":
        """With the learning rate as low as it is now."""
        optimizer = scaled(self.optimizer, {"learning_rate": state.scale})
        return replace(self, optimizer=optimizer)

    def observe(self, state: PlateauState, loss: Float[Array, ""]) -> PlateauState:
        best, dtype = state.best, state.scale.dtype
        target = best * (1 - self.threshold * jnp.sign(best))  # best may be infinite
        better = loss < target
        rests = state.resting > 0
        bad = jnp.where(better | rests, 0, state.bad + 1)
        reduce = bad > self.patience
        scale = jnp.maximum(state.scale * self.factor, self.min_scale)
        resting = jnp.where(rests, state.resting - 1, 0)
        return PlateauState(
            self.optimizer.observe(state.inner, loss),
            scale=jnp.where(reduce, scale, state.scale).astype(dtype),
            best=jnp.where(better, loss, best).astype(dtype),
            bad=jnp.where(reduce, 0, bad).astype(dtype),
            resting=jnp.where(reduce, self.cooldown, resting).astype(dtype),
        )
