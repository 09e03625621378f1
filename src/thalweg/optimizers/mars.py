"""MARS-AdamW: AdamW on gradients freed of part of their noise.

Yuan et al. 2024, Algorithms 1 and 2 in the approximate form (the last gradient is of
the last batch), https://arxiv.org/abs/2411.10438
Departs from the paper: nothing; the first step has no gradient to compare with and
takes the plain one (`first="scaled"`: compares with zero, as the authors' program).
"""

from dataclasses import KW_ONLY
from typing import Literal, NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Int

from thalweg.core.hyper import hyper
from thalweg.core.typing import Hyper, Params
from thalweg.optimizers.adam import normalised
from thalweg.optimizers.base import AbstractOptimizer
from thalweg.optimizers.clipping import global_norm, shrinkage
from thalweg.optimizers.leafwise import Average, each, filled, no_steps, root, squares


class MARSState(NamedTuple):
    count: Int[Array, ""]  # t, updates made
    last: Params  # g_{t-1}
    mean: Average  # m_t, of the corrected gradients
    square: Average  # v_t, of their squares


class MARS(AbstractOptimizer[MARSState]):
    """Variance reduction for AdamW at the cost of one more state array.

    A tensor's corrected gradient is clipped to norm 1, so rates are above AdamW's.
    """

    learning_rate: Hyper = hyper(3e-3)
    _: KW_ONLY
    b1: Hyper = hyper(0.95)
    b2: Hyper = hyper(0.99)
    gamma: Hyper = hyper(0.025)  # how much of the correction
    eps: Hyper = hyper(1e-8)
    weight_decay: Hyper = hyper(0.0)
    first: Literal["plain", "scaled"] = eqx.field(default="plain", static=True)
    epsilon_hat: bool = eqx.field(default=False, static=True)  # as in Adam

    def init(self, params: Params) -> MARSState:
        mean, square = Average.empty(params), Average.empty(params)
        return MARSState(no_steps(), filled(params), mean, square)

    def update(
        self, grads: Params, state: MARSState, params: Params
    ) -> tuple[Params, MARSState]:
        now = self.at(state.count)
        weight = now.gamma * now.b1 / (1 - now.b1)
        if self.first == "plain":
            weight = jnp.where(state.count == 0, 0.0, weight)

        def correct(last: Array, g: Array) -> Array:
            c = g + weight * (g - last)
            return c * shrinkage(global_norm(c), 1.0)

        corrected = each(correct, state.last, grads)
        last = each(lambda _, g: g, state.last, grads)
        mean = state.mean.add(corrected, now.b1)
        square = state.square.add(squares(corrected), now.b2)
        eps = now.eps / root(square.weight) if self.epsilon_hat else now.eps
        rate, decay = now.learning_rate, now.weight_decay
        direction = normalised(mean, square, eps)
        updates = each(lambda p, d: -rate * (d + decay * p), params, direction)
        return updates, MARSState(state.count + 1, last, mean, square)
