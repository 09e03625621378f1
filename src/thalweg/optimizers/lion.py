"""Lion: the sign of an interpolated momentum.

Chen et al. 2023, Algorithm 2, https://arxiv.org/abs/2302.06675
Departs from the paper: nothing (the decay is multiplied by the learning rate).
"""

from dataclasses import KW_ONLY
from typing import ClassVar, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Int

from thalweg.core.hyper import hyper
from thalweg.core.typing import Hyper, Params
from thalweg.optimizers.base import AbstractOptimizer
from thalweg.optimizers.leafwise import each, filled, no_steps


class LionState(NamedTuple):
    count: Int[Array, ""]  # updates made
    mean: Params  # m_t


class Lion(AbstractOptimizer[LionState]):
    """One state array, every entry moved equally: for large models and batches.

    Wants a rate 3 to 10 times below AdamW's and a decay as much above; can become
    unstable in long trainings.
    """

    ignores_shapes: ClassVar[bool] = True

    learning_rate: Hyper = hyper(1e-4)
    _: KW_ONLY
    b1: Hyper = hyper(0.9)  # of the step
    b2: Hyper = hyper(0.99)  # of the momentum that is kept
    weight_decay: Hyper = hyper(0.0)

    def init(self, params: Params) -> LionState:
        return LionState(no_steps(), filled(params))

    def update(
        self, grads: Params, state: LionState, params: Params
    ) -> tuple[Params, LionState]:
        now = self.at(state.count)

        def blend(m: Array, g: Array, b: Hyper) -> Array:
            return b * m + (1 - b) * g

        direction = each(lambda m, g: jnp.sign(blend(m, g, now.b1)), state.mean, grads)
        mean = each(lambda m, g: blend(m, g, now.b2), state.mean, grads)
        rate, decay = now.learning_rate, now.weight_decay
        updates = each(lambda p, d: -rate * (d + decay * p), params, direction)
        return updates, LionState(state.count + 1, mean)
