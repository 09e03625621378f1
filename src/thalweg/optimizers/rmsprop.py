"""RMSprop: each gradient divided by the root of its recent mean square.

Tieleman & Hinton 2012, lecture 6e,
https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf
Centred: Graves 2013, equations 38-41, https://arxiv.org/abs/1308.0850
Departs from them as PyTorch does: `eps` is added to the root (`eps_inside=True`: under
it, as in optax and Keras), and the learning rate multiplies the velocity on its way out
(`rate_inside=True`: on its way in, as there). The centred variance is kept from falling
below 0 by rounding.
"""

from dataclasses import KW_ONLY
from typing import ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from thalweg.core.hyper import hyper
from thalweg.core.typing import Hyper, Params
from thalweg.optimizers.base import AbstractOptimizer
from thalweg.optimizers.leafwise import (
    each,
    filled,
    no_steps,
    root,
    squares,
    with_l2,
)
from thalweg.optimizers.momentum import rates


class RMSpropState(NamedTuple):
    count: Int[Array, ""]  # updates made
    square: Params  # v_t, mean of the squared gradients
    mean: Params | None  # of the gradients; None unless centred
    velocity: Params | None  # u_t; None without momentum


class RMSprop(AbstractOptimizer[RMSpropState]):
    """For recurrent networks and non-stationary losses (reinforcement learning).

    Adam without the bias correction; `b2` is PyTorch's `alpha`, Keras's `rho`.
    """

    ignores_shapes: ClassVar[bool] = True

    learning_rate: Hyper = hyper(1e-2)
    _: KW_ONLY
    b2: Hyper = hyper(0.99)
    momentum: Hyper | None = hyper(None)  # None: no velocity is kept
    eps: Hyper = hyper(1e-8)
    l2: Hyper = hyper(0.0)
    centred: bool = eqx.field(default=False, static=True)
    eps_inside: bool = eqx.field(default=False, static=True)
    rate_inside: bool = eqx.field(default=False, static=True)

    def init(self, params: Params) -> RMSpropState:
        mean = filled(params) if self.centred else None
        velocity = None if self.momentum is None else filled(params)
        return RMSpropState(no_steps(), filled(params), mean, velocity)

    def update(
        self, grads: Params, state: RMSpropState, params: Params
    ) -> tuple[Params, RMSpropState]:
        now = self.at(state.count)
        rate_in, rate_out = rates(now.learning_rate, inside=self.rate_inside)
        grads = with_l2(grads, params, now.l2)

        def average(old: Array, new: Array) -> Array:
            return now.b2 * old + (1 - now.b2) * new

        square = variance = each(average, state.square, squares(grads))
        mean = None
        if self.centred:
            mean = each(average, state.mean, grads)
            variance = each(lambda v, m: jnp.maximum(v - m * m, 0), square, mean)

        def push(g: Array, v: Array) -> Array:
            size = root(v + now.eps) if self.eps_inside else root(v) + now.eps
            return rate_in * g / size

        moved, velocity = jax.tree.map(push, grads, variance), None
        if now.momentum is not None:
            b = now.momentum
            velocity = moved = each(lambda u, x: b * u + x, state.velocity, moved)
        updates = each(lambda p, u: -rate_out * u, params, moved)
        return updates, RMSpropState(state.count + 1, square, mean, velocity)
