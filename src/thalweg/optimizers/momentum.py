"""Heavy-ball momentum: the gradient pushes a velocity, the velocity moves the weights.

Polyak 1964, https://doi.org/10.1016/0041-5553(64)90137-5
Departs from the paper as PyTorch does: the learning rate multiplies the velocity on its
way out, so a change of rate acts at once (`rate_inside=True`: on its way in, as in
Keras and the paper), and dampening spares the first step.
"""

from dataclasses import KW_ONLY
from typing import ClassVar, NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Int

from thalweg.core.hyper import hyper
from thalweg.core.typing import Hyper, Params
from thalweg.optimizers.base import AbstractOptimizer
from thalweg.optimizers.leafwise import each, filled, no_steps, with_l2


class MomentumState(NamedTuple):
    count: Int[Array, ""]  # updates made
    velocity: Params  # u_t


class Momentum(AbstractOptimizer[MomentumState]):
    """For convolutional networks and long trainings, with a tuned, decaying rate.

    Generalises well and needs one state array, but its rate must be searched over a
    wide range. `weight_decay` is decoupled (SGDW, Loshchilov & Hutter 2019, Algorithm
    1, scaled by the learning rate); `l2` enters the velocity.
    """

    ignores_shapes: ClassVar[bool] = True

    learning_rate: Hyper = hyper(1e-2)
    momentum: Hyper = hyper(0.9)
    _: KW_ONLY
    dampening: Hyper = hyper(0.0)
    l2: Hyper = hyper(0.0)
    weight_decay: Hyper = hyper(0.0)
    rate_inside: bool = eqx.field(default=False, static=True)

    def init(self, params: Params) -> MomentumState:
        return MomentumState(no_steps(), velocity=filled(params))

    def update(
        self, grads: Params, state: MomentumState, params: Params
    ) -> tuple[Params, MomentumState]:
        now = self.at(state.count)
        rate_in, rate_out = rates(now.learning_rate, inside=self.rate_inside)
        push = rate_in * jnp.where(state.count == 0, 1, 1 - now.dampening)
        grads = with_l2(grads, params, now.l2)
        velocity = each(lambda u, g: now.momentum * u + push * g, state.velocity, grads)
        decay = now.learning_rate * now.weight_decay
        updates = each(lambda p, u: -(rate_out * u + decay * p), params, velocity)
        return updates, MomentumState(state.count + 1, velocity)


def rates(learning_rate: Hyper, *, inside: bool) -> tuple[Hyper, Hyper]:
    """What multiplies a gradient entering a velocity, and a velocity in use."""
    one = jnp.ones_like(learning_rate)
    return (learning_rate, one) if inside else (one, learning_rate)
