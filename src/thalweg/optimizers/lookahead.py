"""Lookahead: k fast steps forward, then one slow step towards where they led.

Zhang et al. 2019, Algorithm 1, https://arxiv.org/abs/1907.08610
Departs from the paper: nothing (the wrapped optimizer keeps its state at a
synchronisation, the paper's first choice).
"""

from dataclasses import KW_ONLY
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Int

from thalweg.core.hyper import hyper
from thalweg.core.typing import Hyper, Params
from thalweg.optimizers.base import AbstractOptimizer
from thalweg.optimizers.leafwise import each, filled, no_steps, whole
from thalweg.optimizers.objective import Objective, Value
from thalweg.optimizers.wrapper import AbstractWrapper


class LookaheadState(eqx.Module):
    count: Int[Array, ""]  # updates made
    slow: Params
    inner: Any  # the optimizer's state


class Lookahead(AbstractWrapper[LookaheadState]):
    """Steadier steps for a rate that is a little too high; the solution is slow."""

    ignores_shapes: ClassVar[bool] = True

    optimizer: AbstractOptimizer[Any]
    every: Hyper = hyper(5.0)  # k, fast steps to one slow step
    _: KW_ONLY
    slow_rate: Hyper = hyper(0.5)  # alpha

    def init(self, params: Params) -> LookaheadState:
        slow = each(lambda f, p: f + p, filled(params), params)
        return LookaheadState(no_steps(), slow, self.optimizer.init(params))

    def step(
        self, objective: Objective, state: LookaheadState, params: Params
    ) -> tuple[Value, Params, LookaheadState]:
        rate = self.at(state.count).slow_rate
        value, updates, inner = self.optimizer.step(objective, state.inner, params)
        count = state.count + 1
        meet = count % whole(self.every) == 0

        def towards(slow: Array, p: Array, u: Array) -> Array:
            return jnp.where(meet, slow + rate * (p + u - slow), slow)

        slow = each(towards, state.slow, params, updates)
        updates = each(lambda p, u, s: jnp.where(meet, s - p, u), params, updates, slow)
        return value, updates, LookaheadState(count, slow, inner)

    def solution(self, params: Params, state: LookaheadState) -> Params:
        return each(lambda _, slow: slow, params, state.slow)
