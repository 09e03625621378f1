"""Nesterov's momentum: heavy ball, with the gradient's push looked ahead by one step.

Nesterov 1983; Sutskever et al. 2013, equations 3-4,
https://proceedings.mlr.press/v28/sutskever13.html
Departs from the papers as all libraries do: parameters are those at which the gradient
is taken (Bengio et al. 2013, https://arxiv.org/abs/1212.0901); and as PyTorch does: the
learning rate multiplies the velocity on its way out (`rate_inside=True`: on its way in,
as in Keras).
"""

from dataclasses import KW_ONLY
from typing import ClassVar, NamedTuple

import equinox as eqx
from jaxtyping import Array, Int

from thalweg.core.hyper import hyper
from thalweg.core.typing import Hyper, Params
from thalweg.optimizers.base import AbstractOptimizer
from thalweg.optimizers.leafwise import each, filled, no_steps, with_l2
from thalweg.optimizers.momentum import rates


class NesterovState(NamedTuple):
    count: Int[Array, ""]  # updates made
    velocity: Params  # u_t


class Nesterov(AbstractOptimizer[NesterovState]):
    """Where heavy ball is used: steadier at the same momentum, so it takes more of it.

    The optimal rate on smooth convex problems. `weight_decay` is decoupled and scaled
    by the learning rate; `l2` enters the velocity.
    """

    ignores_shapes: ClassVar[bool] = True

    learning_rate: Hyper = hyper(1e-2)
    momentum: Hyper = hyper(0.9)
    _: KW_ONLY
    l2: Hyper = hyper(0.0)
    weight_decay: Hyper = hyper(0.0)
    rate_inside: bool = eqx.field(default=False, static=True)

    def init(self, params: Params) -> NesterovState:
        return NesterovState(no_steps(), velocity=filled(params))

    def update(
        self, grads: Params, state: NesterovState, params: Params
    ) -> tuple[Params, NesterovState]:
        now = self.at(state.count)
        rate_in, rate_out = rates(now.learning_rate, inside=self.rate_inside)
        grads = with_l2(grads, params, now.l2)
        velocity = each(
            lambda u, g: now.momentum * u + rate_in * g, state.velocity, grads
        )
        decay = now.learning_rate * now.weight_decay

        def step(p: Array, g: Array, u: Array) -> Array:
            ahead = rate_in * g + now.momentum * u
            return -(rate_out * ahead + decay * p)

        updates = each(step, params, grads, velocity)
        return updates, NesterovState(state.count + 1, velocity)
