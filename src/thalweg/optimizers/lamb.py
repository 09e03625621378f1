"""LAMB: AdamW whose step is, tensor by tensor, as long as the weights are large.

You et al. 2020, Algorithm 2, https://arxiv.org/abs/1904.00962
Departs from the paper: the scaling function phi is the identity, and a tensor whose
weights or step are zero takes Adam's step (as optax and Keras).
"""

from dataclasses import KW_ONLY

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from thalweg.core.hyper import hyper
from thalweg.core.typing import Hyper, Params
from thalweg.optimizers.adam import AdamState, normalised
from thalweg.optimizers.base import AbstractOptimizer
from thalweg.optimizers.clipping import global_norm
from thalweg.optimizers.leafwise import each, squares


class LAMB(AbstractOptimizer[AdamState]):
    """For very large batches, where Adam's rate can't be raised any further."""

    learning_rate: Hyper = hyper(1e-3)
    _: KW_ONLY
    b1: Hyper = hyper(0.9)
    b2: Hyper = hyper(0.999)
    eps: Hyper = hyper(1e-6)
    weight_decay: Hyper = hyper(0.0)

    def init(self, params: Params) -> AdamState:
        return AdamState.empty(params)

    def update(
        self, grads: Params, state: AdamState, params: Params
    ) -> tuple[Params, AdamState]:
        now = self.at(state.count)
        mean = state.mean.add(grads, now.b1)
        square = state.square.add(squares(grads), now.b2)
        direction = jax.tree.map(
            lambda d, p: d + now.weight_decay * p,
            normalised(mean, square, now.eps),
            params,
        )
        updates = each(
            lambda p, d: -now.learning_rate * trust(p, d) * d, params, direction
        )
        return updates, AdamState(state.count + 1, mean, square)


def trust(weights: Array, step: Array) -> Float[Array, ""]:
    """`|weights| / |step|`, 1 where either is zero."""
    of_weights, of_step = global_norm(weights), global_norm(step)
    known = (of_weights > 0) & (of_step > 0)
    return jnp.where(known, of_weights / jnp.where(known, of_step, 1.0), 1.0)
