"""Adamax: Adam with the decayed maximum of |gradient| for the root mean square.

Kingma & Ba 2015, Algorithm 2, https://arxiv.org/abs/1412.6980
Departs from the paper, which has no `eps`, as PyTorch and optax do: `eps` is added to
|gradient| inside the maximum (`eps_outside=True`: to the maximum, as in Keras).
"""

from dataclasses import KW_ONLY
from typing import ClassVar, NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Int

from thalweg.core.hyper import hyper
from thalweg.core.typing import Hyper, Params
from thalweg.optimizers.base import AbstractOptimizer
from thalweg.optimizers.leafwise import (
    Average,
    each,
    filled,
    no_steps,
    with_l2,
)


class AdamaxState(NamedTuple):
    count: Int[Array, ""]  # t, updates made
    mean: Average  # m_t, of the gradients
    largest: Params  # u_t, decayed maximum of |gradient|


class Adamax(AbstractOptimizer[AdamaxState]):
    """For gradients with rare spikes (embeddings): one spike shortens many steps."""

    ignores_shapes: ClassVar[bool] = True

    learning_rate: Hyper = hyper(2e-3)
    _: KW_ONLY
    b1: Hyper = hyper(0.9)
    b2: Hyper = hyper(0.999)
    eps: Hyper = hyper(1e-8)
    l2: Hyper = hyper(0.0)
    eps_outside: bool = eqx.field(default=False, static=True)

    def init(self, params: Params) -> AdamaxState:
        return AdamaxState(no_steps(), Average.empty(params), largest=filled(params))

    def update(
        self, grads: Params, state: AdamaxState, params: Params
    ) -> tuple[Params, AdamaxState]:
        now = self.at(state.count)
        inside, outside = (0.0, now.eps) if self.eps_outside else (now.eps, 0.0)
        grads = with_l2(grads, params, now.l2)
        mean = state.mean.add(grads, now.b1)
        largest = each(
            lambda u, g: jnp.maximum(now.b2 * u, jnp.abs(g) + inside),
            state.largest,
            grads,
        )
        rate = now.learning_rate / mean.weight
        updates = each(
            lambda p, m, u: -rate * m / (u + outside), params, mean.total, largest
        )
        return updates, AdamaxState(state.count + 1, mean, largest)
