"""Shampoo: gradients multiplied, on each side, by a root of their own second moment.

Gupta et al. 2018, Algorithm 1, https://arxiv.org/abs/1802.09568
Refreshes, start and grafting: Anil et al. 2020, https://arxiv.org/abs/2002.09018
Averages without bias: Shi et al. 2023, https://arxiv.org/abs/2309.06497
Departs from them: sides that are left as they are (longer ones than `longest`, and
those of length 1) do not count when the exponent is divided among the sides. Kernels
are taken as matrices as in `muon.py`, and not in blocks.
"""

from dataclasses import KW_ONLY
from typing import Any, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from thalweg.core.hyper import hyper
from thalweg.core.occasional import anew
from thalweg.core.typing import Hyper, Params
from thalweg.optimizers.adagrad import AdaGrad
from thalweg.optimizers.adam import Adam
from thalweg.optimizers.base import AbstractOptimizer
from thalweg.optimizers.leafwise import Average, each, filled, no_steps, root
from thalweg.optimizers.matrices import AbstractForMatrices, Matrix, as_matrix
from thalweg.optimizers.rmsprop import RMSprop
from thalweg.optimizers.sgd import SGD
from thalweg.optimizers.sides import (
    Side,
    Sides,
    between,
    identities,
    known,
    products,
)


class ShampooState(NamedTuple):
    count: Int[Array, ""]  # updates made
    mean: Average  # of the gradients
    push: Params  # the momentum of the steps
    statistics: Average  # (L, R) of each matrix
    roots: Params  # their inverse roots
    graft: Any  # the state of the method whose length the steps have


class Shampoo(AbstractForMatrices):
    """For hidden matrices in long trainings: the steps' directions are whitened.

    Its own lengths are hard to schedule: with `graft` the step of each matrix is as
    long as that method's, whose rates can be kept. That method runs alone before step
    `start`. Roots are taken of the eigenvalues, every `precondition_frequency` steps.
    What is no matrix is left to `rest`, AdamW with the same rate and decay unless
    given. Derivatives with respect to hyper-parameters take the statistics as given.
    """

    learning_rate: Hyper = hyper(1e-3)
    _: KW_ONLY
    b1: Hyper = hyper(0.9)  # of the gradients' average, free of bias
    b2: Hyper = hyper(0.999)  # of the statistics, and of the grafted method
    momentum: Hyper = hyper(0.0)  # of the steps
    exponent: Hyper = hyper(0.5)  # of all sides: for two, -1/4 each
    eps: Hyper = hyper(1e-6)  # added to the eigenvalues
    graft_eps: Hyper = hyper(1e-8)
    weight_decay: Hyper = hyper(1e-2)
    rest: AbstractOptimizer[Any] | None = None
    graft: Literal["none", "sgd", "adagrad", "rmsprop", "adam"] = eqx.field(
        default="adam", static=True
    )
    accumulate: Literal["average", "sum"] = eqx.field(default="average", static=True)
    relative: bool = eqx.field(default=True, static=True)  # eps: to the largest one
    precondition_frequency: int = eqx.field(default=10, static=True)  # steps
    start: int = eqx.field(default=10, static=True)  # the first step, counted from 1
    longest: int = eqx.field(default=8192, static=True)  # longer sides stay as they are
    one_sided: bool = eqx.field(default=False, static=True)  # only the shorter side

    def init_matrices(self, params: Params) -> ShampooState:
        flat = jax.tree.map(as_matrix, filled(params))
        roots = jax.tree.map(
            lambda x: identities(x, self.longest, self.one_sided), flat
        )
        graft = self._grafted().init(flat)
        mean, nothing = Average.empty(flat), Average.empty(roots)
        return ShampooState(no_steps(), mean, flat, nothing, roots, graft)

    def update_matrices(
        self, grads: Params, state: ShampooState, params: Params
    ) -> tuple[Params, ShampooState]:
        now, t = self.at(state.count), state.count + 1
        grads = each(lambda _, g: as_matrix(g), state.push, grads)
        mean = state.mean.add(grads, now.b1)
        statistics = now._observed(grads, state)
        refreshed = t % self.precondition_frequency == 0
        due = (t == self.start) | ((t > self.start) & refreshed)
        roots = anew(due, lambda old: now._roots(grads, statistics, old), state.roots)
        foreign, graft = self._grafted().update(grads, state.graft, grads)

        def direction(m: Matrix, theirs: Matrix, roots: Sides) -> Matrix:
            left, right = roots
            if left is None and right is None:
                return -theirs
            ours = between(left, m / mean.weight, right)
            if self.graft != "none":
                ours = scaled_to(ours, theirs)
            return jnp.where(t < self.start, -theirs, ours)

        step = each(direction, mean.total, foreign, roots)
        push = each(lambda b, d: now.momentum * b + d, state.push, step)
        updates = each(
            lambda p, b: (
                -now.learning_rate * (b.reshape(p.shape) + now.weight_decay * p)
            ),
            params,
            push,
        )
        return updates, ShampooState(t, mean, push, statistics, roots, graft)

    def _grafted(self) -> AbstractOptimizer[Any]:
        """The method that the steps' lengths are taken from, with a rate of 1."""
        if self.graft == "adagrad":
            return AdaGrad(1.0, eps=self.graft_eps)
        if self.graft == "rmsprop":
            return RMSprop(1.0, b2=self.b2, eps=self.graft_eps)
        if self.graft == "adam":
            return Adam(1.0, b1=self.b1, b2=self.b2, eps=self.graft_eps)
        return SGD(1.0)

    def _observed(self, grads: Params, state: ShampooState) -> Average:
        new, old = jax.tree.map(products, grads, state.roots), state.statistics
        if self.accumulate == "average":
            return old.add(new, self.b2)
        return Average(each(jnp.add, old.total, new), jnp.ones_like(old.weight))

    def _roots(self, grads: Params, statistics: Average, roots: Params) -> Params:
        """The inverse roots of the statistics of each matrix that has a gradient."""

        def rooted(_: Matrix, sides: Sides, old: Sides) -> Sides:
            exponent = self.exponent / max(1, len(jax.tree.leaves(sides)))
            return each(lambda q, p: self._root(p, exponent, q), old, sides)

        corrected = jax.tree.map(lambda s: s / statistics.weight, statistics.total)
        return jax.tree.map(rooted, grads, corrected, roots)

    def _root(self, p: Side, exponent: Hyper, old: Side) -> Side:
        """`(p + eps)^-exponent`; `old` if `p` is not finite, an identity if it is 0."""
        p, finite = known(p)
        values, q = jnp.linalg.eigh(p)
        values = jnp.maximum(values, 0)  # what is below are rounding errors
        ridge = self.eps * values[-1] if self.relative else self.eps
        values = values + ridge
        power = jnp.where(values > 0, values, 1.0) ** -exponent
        return jnp.where(finite, (q * power) @ q.T, old)


def scaled_to(x: Matrix, like: Matrix) -> Matrix:
    """`x` with the norm of another; 0 stays 0."""
    norm, wanted = root(jnp.sum(x * x)), root(jnp.sum(like * like))
    return x * (wanted / jnp.where(norm > 0, norm, 1.0))
