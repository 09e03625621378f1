"""SOAP: Adam in the eigenbases of Shampoo's statistics, which turn slowly.

Vyas et al. 2024, Algorithms 3 and 4, https://arxiv.org/abs/2409.11321
Departs from the paper, which leaves the first step and the bias open: as in the
authors' program the first gradient chooses the bases, by an eigendecomposition, and
moves no matrix. Where it was 0, the bases are those nearest to the axes, lest rounding
errors choose them. The first moment is kept in the bases and turned with them, which
saves two products a step; the second is not turned. Kernels are matrices as in
`muon.py`, and weights decay as in `adamw.py`.
"""

from dataclasses import KW_ONLY
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

from thalweg.core.hyper import hyper
from thalweg.core.occasional import anew
from thalweg.core.typing import Hyper, Params
from thalweg.optimizers.adam import normalised
from thalweg.optimizers.base import AbstractOptimizer
from thalweg.optimizers.leafwise import Average, each, filled, no_steps, root, squares
from thalweg.optimizers.matrices import AbstractForMatrices, Matrix, as_matrix
from thalweg.optimizers.sides import (
    Side,
    Sides,
    between,
    identities,
    known,
    products,
)

NOISE = 16  # units in the last place of the largest value: smaller ones count as 0


class SOAPState(NamedTuple):
    count: Int[Array, ""]  # updates made
    mean: Average  # Q_L^T M Q_R of each matrix: its gradients in the bases
    square: Average  # V, of their squares there
    statistics: Params  # (L, R) of each matrix
    bases: Params  # (Q_L, Q_R), their eigenvectors as columns


class SOAP(AbstractForMatrices):
    """For hidden matrices of networks whose gradients cost more than its products.

    A step takes 6 products of a matrix and a side, every tenth also a QR decomposition
    of each side. What is no matrix (biases, scales; embeddings, by their name) is left
    to `rest`, AdamW with the same rate and decay unless given. Derivatives with respect
    to hyper-parameters take the bases as given.
    """

    learning_rate: Hyper = hyper(3e-3)
    _: KW_ONLY
    b1: Hyper = hyper(0.95)
    b2: Hyper = hyper(0.95)
    b3: Hyper = hyper(0.95)  # of the statistics
    eps: Hyper = hyper(1e-8)
    weight_decay: Hyper = hyper(1e-2)
    rest: AbstractOptimizer[Any] | None = None
    precondition_frequency: int = eqx.field(default=10, static=True)  # steps
    longest: int = eqx.field(default=8192, static=True)  # longer ones keep their axes
    one_sided: bool = eqx.field(default=False, static=True)  # only the shorter side
    precondition_1d: bool = eqx.field(default=False, static=True)  # vectors as well
    epsilon_hat: bool = eqx.field(default=False, static=True)  # as in `Adam`

    def init_matrices(self, params: Params) -> SOAPState:
        flat = jax.tree.map(as_matrix, filled(params))
        bases = jax.tree.map(
            lambda x: identities(x, self.longest, self.one_sided), flat
        )
        nothing = jax.tree.map(jnp.zeros_like, bases)
        mean, square = Average.empty(flat), Average.empty(flat)
        return SOAPState(no_steps(), mean, square, nothing, bases)

    def update_matrices(
        self, grads: Params, state: SOAPState, params: Params
    ) -> tuple[Params, SOAPState]:
        now = self.at(state.count)
        grads = each(lambda _, g: as_matrix(g), state.mean.total, grads)
        updates, mean, square = now._adam(grads, state, params)
        statistics = each(
            lambda s, new: now.b3 * s + (1 - now.b3) * new,
            state.statistics,
            jax.tree.map(products, grads, state.bases),
        )
        bases, total = self._turned(state.count, statistics, state.bases, mean.total)
        mean, count = Average(total, mean.weight), state.count + 1
        return updates, SOAPState(count, mean, square, statistics, bases)

    def _adam(
        self, grads: Params, state: SOAPState, params: Params
    ) -> tuple[Params, Average, Average]:
        """Adam's step in the bases, and its moments; from the second gradient on."""
        first = state.count == 0
        turned = jax.tree.map(into, grads, state.bases)
        mean = state.mean.add(turned, self.b1)
        square = state.square.add(squares(turned), self.b2)
        eps = self.eps / root(square.weight) if self.epsilon_hat else self.eps
        direction = normalised(mean, square, eps)

        def step(p: Array, d: Matrix, bases: Sides) -> Array:
            d = out_of(d, bases).reshape(p.shape)
            moved = -self.learning_rate * (d + self.weight_decay * p)
            return jnp.where(first, 0.0, moved)

        updates = each(step, params, direction, state.bases)
        before = state.mean, state.square
        kept = jax.tree.map(partial(jnp.where, first), before, (mean, square))
        return updates, *kept

    def _turned(
        self, count: Int[Array, ""], statistics: Params, bases: Params, mean: Params
    ) -> tuple[Params, Params]:
        """The bases for the next step, and the first moment in them."""
        first = count == 0
        bases = anew(first, partial(jax.tree.map, eigenvectors, statistics), bases)

        def turn(old: tuple[Params, Params]) -> tuple[Params, Params]:
            bases, mean = old
            new = jax.tree.map(power_iteration, statistics, bases)
            flat = jax.tree.map(out_of, mean, bases)
            return new, jax.tree.map(into, flat, new)

        due = (count % self.precondition_frequency == 0) & ~first
        return anew(due, turn, (bases, mean))


def into(x: Matrix, bases: Sides) -> Matrix:
    """A matrix as seen in the bases: `Q_L^T x Q_R`."""
    left, right = bases
    return between(None if left is None else left.T, x, right)


def out_of(x: Matrix, bases: Sides) -> Matrix:
    """Back to the axes: `Q_L x Q_R^T`."""
    left, right = bases
    return between(left, x, None if right is None else right.T)


def eigenvectors(p: Side, old: Side) -> Side:
    """Those of `p`, as columns; `old` if `p` is not finite."""
    p, finite = known(p)
    values, q = jnp.linalg.eigh(p)
    # Any basis will do for what is mapped to 0. Of these take the eigenvectors of a
    # ramp, since those found are as random as rounding errors.
    zero = negligible(values)
    ramp = (q.T * jnp.linspace(1, 2, len(p), dtype=p.dtype)) @ q
    values = jnp.diag(values / jnp.where(zero.all(), 1, values[-1]))
    q = q @ jnp.linalg.eigh(jnp.where(zero[:, None] & zero, -ramp, values))[1]
    return jnp.where(finite, q, old)


def power_iteration(p: Side, old: Side) -> Side:
    """Eigenvectors of `p` from approximate ones, `old` (Algorithm 4).

    The largest eigenvalues come first in the decomposition, but keep their places.
    """
    p, finite = known(p)
    old = jax.lax.stop_gradient(old)
    product = p @ old
    order = jnp.argsort(-jnp.sum(old * product, axis=0))
    q, r = jnp.linalg.qr(product[:, order])
    lost = negligible(jnp.abs(jnp.diag(r)))  # columns that are rounding errors only
    q = anew(
        lost.any(), lambda q: jnp.linalg.qr(jnp.where(lost, old[:, order], q))[0], q
    )
    return jnp.where(finite, q[:, jnp.argsort(order)], old)


def negligible(values: Array) -> Bool[Array, " n"]:
    """Which of the eigenvalues are rounding errors beside the largest."""
    return values <= NOISE * jnp.finfo(values.dtype).eps * jnp.max(values)
