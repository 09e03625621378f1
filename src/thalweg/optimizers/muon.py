"""Muon: momentum whose matrices are made orthogonal, so that all directions move.

Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/
The step's length: Liu et al. 2025, https://arxiv.org/abs/2502.16982
Departs from them: the iteration runs in the gradient's precision, at least single
(theirs: bfloat16). A kernel here is `[inputs, outputs]`, or `[..., outputs]`, and all
but its last side are taken as one.
"""

import math
from dataclasses import KW_ONLY
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from thalweg.core.hyper import hyper
from thalweg.core.typing import Hyper, Params
from thalweg.optimizers.adamw import AdamW
from thalweg.optimizers.base import AbstractOptimizer
from thalweg.optimizers.leafwise import each, filled, no_steps

Matrix = Float[Array, "i o"]
QUINTIC = (3.4445, -4.7750, 2.0315)  # steepest at 0: five rounds are enough
EPS = 1e-7  # the least norm that is divided by


class MuonState(eqx.Module):
    count: Int[Array, ""]  # updates made
    mean: Params  # of the matrices' gradients
    rest: Any  # the state of the optimizer for what is no matrix


class Muon(AbstractOptimizer[MuonState]):
    """For the hidden matrices of larger networks: fewer steps than AdamW's.

    What is no matrix (biases, scales; embeddings, by their name) is left to `rest`,
    AdamW unless given. With `scale="rms"` a step is as large as AdamW's usually is, so
    that rates and decays of AdamW can be kept; "original" is the first author's.
    """

    learning_rate: Hyper = hyper(1e-3)
    _: KW_ONLY
    momentum: Hyper = hyper(0.95)
    weight_decay: Hyper = hyper(1e-2)
    rest: AbstractOptimizer[Any] | None = None
    nesterov: bool = eqx.field(default=True, static=True)
    rounds: int = eqx.field(default=5, static=True)
    scale: Literal["rms", "original", "none"] = eqx.field(default="rms", static=True)

    def init(self, params: Params) -> MuonState:
        matrices, others = split(params)
        return MuonState(no_steps(), filled(matrices), for_the_rest(self).init(others))

    def update(
        self, grads: Params, state: MuonState, params: Params
    ) -> tuple[Params, MuonState]:
        now = self.at(state.count)
        b = now.momentum
        matrices, others = split(params)
        own, foreign = split(grads)
        mean = each(lambda m, g: b * m + (1 - b) * g, state.mean, own)

        def step(p: Array, g: Array, m: Array) -> Array:
            ahead = b * m + (1 - b) * g if self.nesterov else m
            direction = orthogonal(as_matrix(ahead), self.rounds).reshape(p.shape)
            rate = now.learning_rate
            length = step_length(p.shape, self.scale)
            return -rate * (length * direction + now.weight_decay * p)

        updates = each(step, matrices, own, mean)
        more, rest = for_the_rest(self).update(foreign, state.rest, others)
        updates = eqx.combine(updates, more)
        return updates, MuonState(state.count + 1, mean, rest)


def for_the_rest(optimizer: Any) -> AbstractOptimizer[Any]:
    """What updates the parameters that are no matrices."""
    if optimizer.rest is not None:
        return optimizer.rest
    return AdamW(optimizer.learning_rate, weight_decay=optimizer.weight_decay)


def split(tree: Params) -> tuple[Params, Params]:
    """The hidden matrices, and everything else."""

    def is_matrix(path: Any, leaf: Array) -> bool:
        name = jax.tree_util.keystr(path[-1:], simple=True) if path else ""
        return leaf.ndim >= 2 and leaf.size > 0 and name != "embedding"

    return eqx.partition(tree, jax.tree_util.tree_map_with_path(is_matrix, tree))


def as_matrix(x: Array) -> Matrix:
    """All sides but the last as one."""
    return x.reshape(-1, x.shape[-1])


def orthogonal(x: Matrix, rounds: int) -> Matrix:
    """Near the orthogonal matrix nearest to `x`: singular values of about 1.

    Newton and Schulz' iteration with a polynomial of degree 5; singular values end
    between 0.7 and 1.2, those below 1e-3 of the norm lower.
    """
    a, b, c = QUINTIC
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = x / jnp.maximum(jnp.sqrt(jnp.sum(x * x)), EPS)
    for _ in range(rounds):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if tall else x


def step_length(shape: tuple[int, ...], scale: str) -> float:
    """What multiplies the orthogonal matrix."""
    inputs, outputs = math.prod(shape[:-1]), shape[-1]
    if scale == "rms":  # root mean square of about 0.2, as Adam's steps
        return 0.2 * max(inputs, outputs) ** 0.5
    return max(1.0, outputs / inputs) ** 0.5 if scale == "original" else 1.0
