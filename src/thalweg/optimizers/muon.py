"""Muon: momentum whose matrices are made orthogonal, so that all directions move.

Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/
The step's length: Liu et al. 2025, https://arxiv.org/abs/2502.16982
Departs from them: the iteration runs in the gradient's precision, at least single
(theirs: bfloat16). A kernel here is `[inputs, outputs]`, or `[..., outputs]`, and all
but its last side are taken as one.
"""

import math
from dataclasses import KW_ONLY
from typing import Any, Literal, NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Int

from thalweg.core.hyper import hyper
from thalweg.core.typing import Hyper, Params
from thalweg.optimizers.base import AbstractOptimizer
from thalweg.optimizers.leafwise import each, filled, no_steps
from thalweg.optimizers.matrices import AbstractForMatrices, Matrix, as_matrix

QUINTIC = (3.4445, -4.7750, 2.0315)  # steepest at 0: five rounds are enough
EPS = 1e-7  # the least norm that is divided by


class MuonState(NamedTuple):
    count: Int[Array, ""]  # updates made
    mean: Params  # of the gradients


class Muon(AbstractForMatrices):
    """For the hidden matrices of larger networks: fewer steps than AdamW's.

    What is no matrix (biases, scales; embeddings, by their name) is left to `rest`,
    AdamW with the same rate and decay unless given. With `scale="rms"` a step is as
    large as AdamW's usually is, so that rates and decays of AdamW can be kept;
    "original" is the first author's.
    """

    learning_rate: Hyper = hyper(1e-3)
    _: KW_ONLY
    momentum: Hyper = hyper(0.95)
    weight_decay: Hyper = hyper(1e-2)
    rest: AbstractOptimizer[Any] | None = None
    nesterov: bool = eqx.field(default=True, static=True)
    rounds: int = eqx.field(default=5, static=True)
    scale: Literal["rms", "original", "none"] = eqx.field(default="rms", static=True)

    def init_matrices(self, params: Params) -> MuonState:
        return MuonState(no_steps(), filled(params))

    def update_matrices(
        self, grads: Params, state: MuonState, params: Params
    ) -> tuple[Params, MuonState]:
        now = self.at(state.count)
        b = now.momentum
        mean = each(lambda m, g: b * m + (1 - b) * g, state.mean, grads)

        def step(p: Array, g: Array, m: Array) -> Array:
            ahead = b * m + (1 - b) * g if self.nesterov else m
            direction = orthogonal(as_matrix(ahead), self.rounds).reshape(p.shape)
            length = step_length(p.shape, self.scale)
            return -now.learning_rate * (length * direction + now.weight_decay * p)

        return each(step, params, grads, mean), MuonState(state.count + 1, mean)


def orthogonal(x: Matrix, rounds: int) -> Matrix:
    """Near the orthogonal matrix nearest to `x`: singular values of about 1.

    Newton and Schulz' iteration with a polynomial of degree 5; singular values end
    between 0.7 and 1.2, those below 1e-3 of the norm lower.
    """
    a, b, c = QUINTIC
    tall = x.shape[0] > x.shape[1]
    unit = jnp.eye(min(x.shape), dtype=x.dtype)
    x = x / jnp.maximum(jnp.sqrt(jnp.sum(x * x)), EPS)
    for _ in range(rounds):
        gram = x.T @ x if tall else x @ x.T  # the smaller one
        factor = a * unit + b * gram + c * (gram @ gram)
        x = x @ factor if tall else factor @ x
    return x


def step_length(shape: tuple[int, ...], scale: str) -> float:
    """What multiplies the orthogonal matrix."""
    inputs, outputs = math.prod(shape[:-1]), shape[-1]
    if scale == "rms":  # root mean square of about 0.2, as Adam's steps
        return 0.2 * max(inputs, outputs) ** 0.5
    return max(1.0, outputs / inputs) ** 0.5 if scale == "original" else 1.0
