"""Averages of the weights, to predict with: exponential and uniform.

Polyak & Juditsky 1992, https://doi.org/10.1137/0330046
Izmailov et al. 2018 (SWA), Algorithm 1, https://arxiv.org/abs/1803.05407
Departs from PyTorch's `AveragedModel`: an exponential average is free of bias, all
weights after t steps counting as in a weighted mean (`debias=False` is PyTorch's, where
the first weights enter whole).
"""

from dataclasses import KW_ONLY
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from thalweg.core.hyper import hyper
from thalweg.core.typing import Hyper, Params
from thalweg.optimizers.base import AbstractOptimizer
from thalweg.optimizers.leafwise import each, filled, no_steps, whole
from thalweg.optimizers.objective import Objective, Value
from thalweg.optimizers.wrapper import AbstractWrapper


class AverageState(eqx.Module):
    count: Int[Array, ""]  # updates made
    weight: Float[Array, ""]  # of what is in the mean
    mean: Params
    inner: Any  # the optimizer's state


class ExponentialAverage(AbstractWrapper[AverageState]):
    """The solution is a moving average of the weights: less noise at the same rate.

    It remembers about `1 / (1 - decay)` steps: a tenth of the training is usual. The
    training itself is not changed.
    """

    ignores_shapes: ClassVar[bool] = True

    optimizer: AbstractOptimizer[Any]
    decay: Hyper = hyper(0.999)
    _: KW_ONLY
    debias: bool = eqx.field(default=True, static=True)

    def init(self, params: Params) -> AverageState:
        return _empty(params, self.optimizer.init(params))

    def step(
        self, objective: Objective, state: AverageState, params: Params
    ) -> tuple[Value, Params, AverageState]:
        decay = self.at(state.count).decay
        share = 1 - decay
        if not self.debias:
            share = jnp.where(state.count == 0, 1.0, share)
        value, updates, inner = self.optimizer.step(objective, state.inner, params)
        mean = _moved(state.mean, decay, share, params, updates)
        weight = each(lambda w: decay * w + share, state.weight)
        return value, updates, AverageState(state.count + 1, weight, mean, inner)

    def solution(self, params: Params, state: AverageState) -> Params:
        return _divided(state.mean, state.weight, params)


class UniformAverage(AbstractWrapper[AverageState]):
    """The solution is the mean of the weights after update number `start` (from 0).

    "Stochastic weight averaging" if `start` is late and the rate then constant or
    cyclic, with `every` the cycle's length. Before it the solution is what is trained.
    """

    ignores_shapes: ClassVar[bool] = True

    optimizer: AbstractOptimizer[Any]
    start: Hyper = hyper(0.0)
    _: KW_ONLY
    every: Hyper = hyper(1.0)

    def init(self, params: Params) -> AverageState:
        return _empty(params, self.optimizer.init(params))

    def step(
        self, objective: Objective, state: AverageState, params: Params
    ) -> tuple[Value, Params, AverageState]:
        since = state.count - self.start
        takes = (since >= 0) & (since % whole(self.every) == 0)
        weight = each(lambda w: w + takes, state.weight)
        share = takes / jnp.maximum(weight, 1)
        value, updates, inner = self.optimizer.step(objective, state.inner, params)
        mean = _moved(state.mean, 1 - share, share, params, updates)
        return value, updates, AverageState(state.count + 1, weight, mean, inner)

    def solution(self, params: Params, state: AverageState) -> Params:
        return _divided(state.mean, jnp.minimum(state.weight, 1), params)


def _empty(params: Params, inner: Any) -> AverageState:
    zero = jnp.zeros((), jnp.result_type(float))
    return AverageState(no_steps(), zero, filled(params), inner)


def _moved(
    mean: Params, decay: Hyper, share: Hyper, params: Params, updates: Params
) -> Params:
    """`decay` times the old average and `share` of the new weights."""
    return each(lambda m, p, u: decay * m + share * (p + u), mean, params, updates)


def _divided(mean: Params, weight: Float[Array, ""], params: Params) -> Params:
    """The average free of bias; `params` where nothing was averaged yet."""
    some = weight > 0
    scale = 1 / jnp.where(some, weight, 1.0)
    return each(lambda p, m: jnp.where(some, m * scale, p), params, mean)
