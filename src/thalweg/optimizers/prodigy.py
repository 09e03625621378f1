"""Prodigy: Adam that estimates its own learning rate, the distance to the solution.

Mishchenko & Defazio 2024, Algorithm 4, https://arxiv.org/abs/2306.06101
Departs from the paper as the authors' program does: the averages of the estimate decay
by `sqrt(b2)`, no bias correction unless `bias_correction`, decoupled decay by the
estimated rate, and `safeguard_warmup` leaves the rate out of the estimate's
denominator, which a warm-up needs.
"""

from dataclasses import KW_ONLY
from typing import ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from thalweg.core.hyper import hyper
from thalweg.core.typing import Hyper, Params
from thalweg.optimizers.base import AbstractOptimizer, own_values
from thalweg.optimizers.leafwise import each, filled, no_steps, root, squares


class ProdigyState(NamedTuple):
    count: Int[Array, ""]  # k, updates made
    mean: Params  # m_k, of d * gradient
    square: Params  # v_k, of its square
    start: Params  # x_0
    total: Params  # s_k, of the gradients in units of d
    numerator: Float[Array, ""]  # r_k
    distance: Float[Array, ""]  # d_k
    largest: Float[Array, ""]  # estimate of d so far


class Prodigy(AbstractOptimizer[ProdigyState]):
    """Where no rate can be tuned: `learning_rate` is a factor, best left at 1.

    Give it a cosine schedule. The estimate only grows, and may take hundreds of steps
    to come from `d0` to its place.
    """

    ignores_shapes: ClassVar[bool] = True

    learning_rate: Hyper = hyper(1.0)
    _: KW_ONLY
    b1: Hyper = hyper(0.9)
    b2: Hyper = hyper(0.999)
    eps: Hyper = hyper(1e-8)
    weight_decay: Hyper = hyper(0.0)
    d0: Hyper = hyper(1e-6)  # the first estimate
    d_factor: Hyper = hyper(1.0)  # multiplies the estimate
    growth: Hyper = hyper(float("inf"))  # the most that d grows by in a step
    bias_correction: bool = eqx.field(default=False, static=True)
    safeguard_warmup: bool = eqx.field(default=False, static=True)

    def init(self, params: Params) -> ProdigyState:
        zero = jnp.zeros((), jnp.result_type(float))
        d0 = self.at(no_steps()).d0
        return ProdigyState(
            no_steps(),
            mean=filled(params),
            square=filled(params),
            start=each(lambda f, p: f + p, filled(params), params),
            total=filled(params),
            numerator=zero,
            distance=zero + d0,
            largest=zero + d0,
        )

    def update(
        self, grads: Params, state: ProdigyState, params: Params
    ) -> tuple[Params, ProdigyState]:
        now, old = self.at(state.count), state.distance
        t = state.count + 1
        rate = old * now.learning_rate
        if self.bias_correction:
            rate *= root(1 - now.b2**t) / (1 - now.b1**t)
        decay = root(now.b2)  # of the estimate's averages
        relative = old / now.d0

        mean = each(lambda m, g: now.b1 * m + old * (1 - now.b1) * g, state.mean, grads)
        square = each(
            lambda v, gg: now.b2 * v + old * old * (1 - now.b2) * gg,
            state.square,
            squares(grads),
        )
        enters = relative * (old if self.safeguard_warmup else rate)
        total = each(lambda s, g: decay * s + enters * g, state.total, grads)
        gain = relative * rate * _dot(grads, state.start, params)
        numerator = decay * state.numerator + gain
        distance, largest = self._estimate(now, state, numerator, _size(total))

        def step(p: Array, m: Array, v: Array) -> Array:
            adaptive = m / (root(v) + distance * now.eps)
            return -rate * (adaptive + now.weight_decay * p)

        updates = each(step, params, mean, square)
        scalars = (numerator, distance, largest)
        scalars = tuple(s.astype(old.dtype) for s in scalars)
        return updates, ProdigyState(t, mean, square, state.start, total, *scalars)

    def current(self, state: ProdigyState) -> dict[str, Array]:
        """With `effective_learning_rate`: the estimate times the factor."""
        values = own_values(self, state)
        effective = state.distance * values["learning_rate"]
        return values | {"effective_learning_rate": effective}

    def _estimate(
        self, now: "Prodigy", state: ProdigyState, numerator: Array, size: Array
    ) -> tuple[Array, Array]:
        """The next distance, and the largest estimate so far."""
        known = size > 0
        found = now.d_factor * numerator / jnp.where(known, size, 1.0)
        found = jnp.where(known, found, state.distance)
        first = state.distance == jnp.asarray(now.d0, state.distance.dtype)
        distance = jnp.where(first, jnp.maximum(state.distance, found), state.distance)
        largest = jnp.maximum(state.largest, found)
        bounded = jnp.isfinite(now.growth)  # no derivative survives 0 * infinity
        grown = distance * jnp.where(bounded, now.growth, 1.0)
        return jnp.where(bounded, jnp.minimum(largest, grown), largest), largest


def _dot(grads: Params, start: Params, params: Params) -> Float[Array, ""]:
    """The sum of `gradient * (start - params)`."""
    parts = jax.tree.map(
        lambda g, s, p: jnp.sum(g.astype(s.dtype) * (s - p)), grads, start, params
    )
    return sum(jax.tree.leaves(parts), jnp.zeros((), jnp.result_type(float)))


def _size(total: Params) -> Float[Array, ""]:
    """The sum of magnitudes."""
    parts = jax.tree.map(lambda s: jnp.sum(jnp.abs(s)), total)
    return sum(jax.tree.leaves(parts), jnp.zeros((), jnp.result_type(float)))
