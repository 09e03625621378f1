"""NorMuon: Muon whose output units are moved equally, by a second moment of each.

Li et al. 2025, Algorithm 1, https://arxiv.org/abs/2510.05491
Departs from the paper: nothing but what `muon.py` says.
"""

from dataclasses import KW_ONLY
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from thalweg.core.hyper import hyper
from thalweg.core.typing import Hyper, Params
from thalweg.optimizers.base import AbstractOptimizer
from thalweg.optimizers.leafwise import each, filled, no_steps
from thalweg.optimizers.matrices import AbstractForMatrices, as_matrix
from thalweg.optimizers.muon import orthogonal


class NorMuonState(NamedTuple):
    count: Int[Array, ""]  # updates made
    mean: Params  # of the gradients
    square: Params  # [outputs], of the orthogonal matrices' entries


class NorMuon(AbstractForMatrices):
    """Muon that keeps single output units from being moved far more than others.

    What is no matrix is left to `rest`, AdamW unless given.
    """

    learning_rate: Hyper = hyper(1e-3)
    _: KW_ONLY
    b1: Hyper = hyper(0.95)
    b2: Hyper = hyper(0.95)
    eps: Hyper = hyper(1e-8)
    weight_decay: Hyper = hyper(1e-2)
    rest: AbstractOptimizer[Any] | None = None
    rounds: int = eqx.field(default=5, static=True)

    def init_matrices(self, params: Params) -> NorMuonState:
        mean = filled(params)
        units = jax.tree.map(lambda m: jnp.zeros(m.shape[-1], m.dtype), mean)
        return NorMuonState(no_steps(), mean, units)

    def update_matrices(
        self, grads: Params, state: NorMuonState, params: Params
    ) -> tuple[Params, NorMuonState]:
        now = self.at(state.count)
        mean = each(lambda m, g: now.b1 * m + (1 - now.b1) * g, state.mean, grads)
        direction = jax.tree.map(lambda m: orthogonal(as_matrix(m), self.rounds), mean)
        square = each(
            lambda v, o: now.b2 * v + (1 - now.b2) * jnp.mean(o * o, axis=0),
            state.square,
            direction,
        )

        def step(p: Array, o: Array, v: Array) -> Array:
            o = o / (jnp.sqrt(v) + now.eps)
            norm = jnp.sqrt(jnp.sum(o * o))
            o = o * (0.2 * o.size**0.5 / jnp.where(norm > 0, norm, 1.0))
            return -now.learning_rate * (o.reshape(p.shape) + now.weight_decay * p)

        updates = each(step, params, direction, square)
        return updates, NorMuonState(state.count + 1, mean, square)
