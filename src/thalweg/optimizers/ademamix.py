"""AdEMAMix: Adam with a second, much slower momentum.

Pagliardini, Ablin & Grangier 2025, Algorithm 1, https://arxiv.org/abs/2409.03137
Departs from the paper: the warm-ups of `alpha` and `b3` are schedules of these
hyper-parameters, `Warmup(alpha, T, warmup=1)` and `HalfLifeWarmup(b3, T, start=b1)`;
they are constant by default.
"""

from dataclasses import KW_ONLY
from typing import ClassVar, NamedTuple

from jaxtyping import Array, Int

from thalweg.core.hyper import hyper
from thalweg.core.typing import Hyper, Params
from thalweg.optimizers.base import AbstractOptimizer
from thalweg.optimizers.leafwise import (
    Average,
    each,
    filled,
    no_steps,
    root,
    squares,
)


class AdEMAMixState(NamedTuple):
    count: Int[Array, ""]  # t, updates made
    mean: Average  # m1, fast
    slow: Params  # m2, not freed of bias
    square: Average  # nu


class AdEMAMix(AbstractOptimizer[AdEMAMixState]):
    """For long trainings: gradients of thousands of steps ago still help.

    In short ones the slow momentum comes too late; raise `alpha` by a schedule over
    the training.
    """

    ignores_shapes: ClassVar[bool] = True

    learning_rate: Hyper = hyper(1e-3)
    _: KW_ONLY
    b1: Hyper = hyper(0.9)
    b2: Hyper = hyper(0.999)
    b3: Hyper = hyper(0.9999)  # of the slow momentum
    alpha: Hyper = hyper(5.0)  # its weight
    eps: Hyper = hyper(1e-8)
    weight_decay: Hyper = hyper(0.0)

    def init(self, params: Params) -> AdEMAMixState:
        mean, square = Average.empty(params), Average.empty(params)
        return AdEMAMixState(no_steps(), mean, filled(params), square)

    def update(
        self, grads: Params, state: AdEMAMixState, params: Params
    ) -> tuple[Params, AdEMAMixState]:
        now = self.at(state.count)
        mean = state.mean.add(grads, now.b1)
        slow = each(lambda m, g: now.b3 * m + (1 - now.b3) * g, state.slow, grads)
        square = state.square.add(squares(grads), now.b2)
        scale = 1 / root(square.weight)

        def step(p: Array, m: Array, s: Array, v: Array) -> Array:
            direction = (m / mean.weight + now.alpha * s) / (root(v) * scale + now.eps)
            return -now.learning_rate * (direction + now.weight_decay * p)

        updates = each(step, params, mean.total, slow, square.total)
        return updates, AdEMAMixState(state.count + 1, mean, slow, square)
