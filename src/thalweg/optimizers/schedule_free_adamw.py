"""Schedule-Free AdamW: an average of the iterates takes the place of a schedule.

Defazio et al. 2024, Algorithm 1, https://arxiv.org/abs/2405.15682
Departs from the paper as the authors' program does: iterates are averaged with weights
`(t^r) * (largest rate so far)^2`, the decay acts at y, and AdamW's bias correction is
that of the second moment alone. Of the three sequences y is what is trained (gradients
are taken there) and x is the solution; z is kept in the state.
"""

from dataclasses import KW_ONLY
from typing import ClassVar, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

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
    with_l2,
)


class Averaged(NamedTuple):
    """The sequence z, and the weights of the average."""

    z: Params
    weight: Float[Array, ""]  # sum so far
    rate: Float[Array, ""]  # the largest so far

    @staticmethod
    def begin(params: Params) -> "Averaged":
        z = each(lambda f, p: f + p, filled(params), params)
        weight, rate = jnp.zeros((2,), jnp.result_type(float))
        return Averaged(z, weight, rate)

    def move(
        self, params: Params, step: Params, rate: Hyper, b1: Hyper, emphasis: Array
    ) -> tuple[Params, "Averaged"]:
        """Updates of y, for z moved by `-rate * step`; `emphasis` is t^r."""
        largest = each(lambda old: jnp.maximum(old, rate), self.rate)
        own = emphasis * jnp.square(largest)
        total = each(lambda old: old + own, self.weight)
        share = own / jnp.where(total > 0, total, 1.0)  # c_t
        z = each(lambda z, d: z - rate * d, self.z, step)

        def of_y(y: Array, z: Array, d: Array) -> Array:
            # by the new z, so that the old one can be overwritten before
            return share * (z - y) - rate * (1 - b1) * (1 - share) * d

        updates = each(of_y, params, z, step)
        return updates, Averaged(z, total, largest)

    def x(self, params: Params, b1: Hyper) -> Params:
        """The average, from y."""
        return each(lambda y, z: y + (1 - 1 / b1) * (z - y), params, self.z)


class ScheduleFreeAdamWState(NamedTuple):
    count: Int[Array, ""]  # t, updates made
    square: Average  # v_t
    averaged: Averaged


class ScheduleFreeAdamW(AbstractOptimizer[ScheduleFreeAdamWState]):
    """For trainings of unknown length: as good as AdamW with a schedule, at any time.

    Give it a warm-up and no other schedule. Predict with `solution`.
    """

    ignores_shapes: ClassVar[bool] = True

    learning_rate: Hyper = hyper(2.5e-3)
    _: KW_ONLY
    b1: Hyper = hyper(0.9)  # of the interpolation
    b2: Hyper = hyper(0.999)
    eps: Hyper = hyper(1e-8)
    weight_decay: Hyper = hyper(0.0)
    r: Hyper = hyper(0.0)  # the average's emphasis of late iterates

    def init(self, params: Params) -> ScheduleFreeAdamWState:
        return ScheduleFreeAdamWState(
            no_steps(), Average.empty(params), Averaged.begin(params)
        )

    def update(
        self, grads: Params, state: ScheduleFreeAdamWState, params: Params
    ) -> tuple[Params, ScheduleFreeAdamWState]:
        now = self.at(state.count)
        square = state.square.add(squares(grads), now.b2)
        scale = 1 / root(square.weight)

        step = each(lambda v, g: g / (root(v) * scale + now.eps), square.total, grads)
        step = with_l2(step, params, now.weight_decay)
        updates, averaged = state.averaged.move(
            params, step, now.learning_rate, now.b1, (state.count + 1) ** now.r
        )
        return updates, ScheduleFreeAdamWState(state.count + 1, square, averaged)

    def solution(self, params: Params, state: ScheduleFreeAdamWState) -> Params:
        return state.averaged.x(params, self.at(state.count).b1)
