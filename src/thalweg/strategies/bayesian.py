"""Bayesian optimization in a trust region, for few and expensive evaluations.

Trust region: Eriksson et al. 2019 (TuRBO), sections 2 and 4 of its supplement,
https://arxiv.org/abs/1910.01739
Acquisition: the logarithm of the expected improvement, Ament et al. 2023,
https://arxiv.org/abs/2310.20708; batches by believing the predicted means.
Departs from TuRBO: one region without restarts; expected improvement instead of
Thompson sampling; one length scale for all variables, chosen with the noise from a grid
by its marginal likelihood; losses enter by their ranks, as normal scores. The space has
no bounds: the region begins `sigma` wide to each side and may leave where it began.
"""

import math
from dataclasses import KW_ONLY
from typing import ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jax.scipy.linalg import cho_solve, solve_triangular
from jax.scipy.special import log_ndtr, ndtr, ndtri
from jaxtyping import Array, Bool, Float, Int

from thalweg.core.errors import InvalidInput
from thalweg.core.hyper import hyper
from thalweg.core.typing import Hyper, Key
from thalweg.strategies.base import (
    AbstractStrategy,
    Best,
    check_size,
    graded,
    no_generations,
    start,
)

MOST = 200  # variables
SCALES = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0)  # length scales, by the root of d
NOISES = (1e-3, 1e-2, 1e-1, 0.5)  # variances, the signal's being 1
NARROWEST, WIDEST = 2.0**-20, 2.0**6  # regions, in units of `sigma`
SUCCESSES = 3  # in a row, after which the region doubles


class BayesianState(eqx.Module):
    x: Float[Array, "m d"]  # what is remembered
    losses: Float[Array, " m"]
    told: Int[Array, " m"]  # when; -1: the row is empty
    count: Int[Array, ""]  # rows told
    centre: Float[Array, " d"]  # the row of the lowest predicted mean
    width: Float[Array, ""]  # of the region, to each side
    successes: Int[Array, ""]  # in a row, of generations
    failures: Int[Array, ""]
    setting: Int[Array, ""]  # of the process, in the grid
    best: Best


class Bayesian(AbstractStrategy[BayesianState]):
    """The fewest evaluations for up to about 50 variables, each worth milliseconds.

    A Gaussian process of the last `memory` evaluations (and the best) proposes where
    to look; asking costs some milliseconds, by the cube of `memory`. For the weights
    of a network use a `subspace` of 10 to 50.
    """

    sigma: Hyper = hyper(0.3)  # half the width of the first region
    _: KW_ONLY
    population: int = eqx.field(default=4, static=True)
    memory: int = eqx.field(default=128, static=True)
    pool: int = eqx.field(default=512, static=True)  # points that are compared

    rank_based: ClassVar[bool] = True

    def __check_init__(self):
        check_size("population", self.population, 1)
        check_size("memory", self.memory, max(8, self.population + 1))
        check_size("pool", self.pool, self.population)

    def size(self, dim: int) -> int:
        del dim
        return self.population

    def init(self, mean: Float[Array, " d"], *, key: Key) -> BayesianState:
        del key
        mean = start(mean)
        if mean.size > MOST:
            raise InvalidInput(
                f"Bayesian takes at most {MOST} variables, but got {mean.size}. Search "
                "a random subspace of 10 to 50, or use SepCMAES."
            )
        none = no_generations()
        return BayesianState(
            x=jnp.broadcast_to(mean, (self.memory, mean.size)),
            losses=jnp.full(self.memory, jnp.inf, mean.dtype),
            told=jnp.full(self.memory, -1, jnp.int32),
            count=none,
            centre=mean,
            width=self.sigma.astype(mean.dtype),
            successes=none,
            failures=none,
            setting=none,
            best=Best.none(mean),
        )

    def ask(self, state: BayesianState, *, key: Key) -> Float[Array, "n d"]:
        dim = state.centre.size
        pool = self._pool(state, key)
        begun = state.count >= min(2 * dim, self.memory // 2)
        rows = jax.lax.cond(
            begun,
            lambda: self._chosen(state, pool),
            lambda: jnp.arange(self.population),
        )
        return pool[rows]

    def tell(
        self, state: BayesianState, x: Float[Array, "n d"], losses: Float[Array, " n"]
    ) -> BayesianState:
        losses = graded(losses, state.centre)
        # the oldest rows make room; the best stays as if it were told last
        age = jnp.where(state.told < 0, -1, state.told)
        held = (state.told >= 0) & (jnp.arange(self.memory) == jnp.argmin(state.losses))
        slots = jnp.argsort(jnp.where(held, jnp.iinfo(jnp.int32).max, age))[: len(x)]
        new = eqx.tree_at(
            lambda s: (s.x, s.losses, s.told, s.count, s.best),
            state,
            (
                state.x.at[slots].set(x),
                state.losses.at[slots].set(losses),
                state.told.at[slots].set(
                    state.count + jnp.arange(len(x), dtype=jnp.int32)
                ),
                state.count + len(x),
                state.best.or_among(x, losses),
            ),
        )
        new = self._resized(new, jnp.min(losses) < jnp.min(state.losses))
        data = observed(new)
        setting = fitted(data).astype(jnp.int32)
        mean, _ = Posterior.of(data, setting).predict(data.z)
        best = jnp.argmin(jnp.where(jnp.isfinite(new.losses), mean, jnp.inf))
        any_finite = jnp.isfinite(jnp.min(new.losses))
        centre = jnp.where(any_finite, new.x[best], state.centre)
        return eqx.tree_at(lambda s: (s.centre, s.setting), new, (centre, setting))

    def point(self, state: BayesianState) -> Float[Array, " d"]:
        return state.centre

    def best(self, state: BayesianState) -> Best:
        return state.best

    def _pool(self, state: BayesianState, key: Key) -> Float[Array, "m d"]:
        """Points of the region; with many variables each moves about 20 of them."""
        where, moves = jr.split(key)
        shape = (self.pool, state.centre.size)
        chance = min(1.0, 20 / state.centre.size)
        moved = jr.bernoulli(where, chance, shape)
        u = jr.uniform(moves, shape, state.centre.dtype, -1.0, 1.0)
        # half of them nearer the centre, the nearest a thousandth of the width away
        near = jnp.logspace(-3, 0, self.pool // 2, dtype=u.dtype)
        u = u.at[self.pool - len(near) :].multiply(near[:, None])
        return state.centre + state.width * jnp.where(moved, u, 0.0)

    def _chosen(
        self, state: BayesianState, pool: Float[Array, "m d"]
    ) -> Int[Array, " n"]:
        """Rows of the pool, one after the other, each believed where predicted."""
        data = observed(state)
        z = (pool - state.centre) / state.width
        spare = jnp.zeros((self.population, z.shape[1]), z.dtype)
        data = Observed(
            jnp.concatenate([data.z, spare]),
            jnp.concatenate([data.score, spare[:, 0]]),
            jnp.concatenate([data.mask, spare[:, 0] > 0]),
        )
        lowest = jnp.min(jnp.where(data.mask, data.score, jnp.inf))

        def choose(data: "Observed", i: Int[Array, ""]) -> tuple["Observed", Array]:
            posterior = Posterior.of(data, state.setting)
            mean, deviation = posterior.predict(z)
            gain = jnp.log(deviation) + log_h((lowest - mean) / deviation)
            row, slot = jnp.argmax(gain), self.memory + i
            data = Observed(
                data.z.at[slot].set(z[row]),
                data.score.at[slot].set(mean[row]),
                data.mask.at[slot].set(True),
            )
            return data, row

        return jax.lax.scan(choose, data, jnp.arange(self.population))[1]

    def _resized(self, state: BayesianState, success: Bool[Array, ""]) -> BayesianState:
        """Wider after successes in a row, narrower after failures."""
        patience = math.ceil(max(4.0, state.centre.size) / self.population)
        successes = jnp.where(success, state.successes + 1, 0)
        failures = jnp.where(success, 0, state.failures + 1)
        wider, narrower = successes >= SUCCESSES, failures >= patience
        width = state.width * jnp.where(wider, 2.0, jnp.where(narrower, 0.5, 1.0))
        low, high = self.sigma * NARROWEST, self.sigma * WIDEST
        changed = (
            jnp.clip(width, low, high).astype(state.width.dtype),
            jnp.where(wider, 0, successes).astype(jnp.int32),
            jnp.where(narrower, 0, failures).astype(jnp.int32),
        )
        return eqx.tree_at(lambda s: (s.width, s.successes, s.failures), state, changed)


class Observed(NamedTuple):
    """What the process is conditioned on; rows that are not masked say nothing."""

    z: Float[Array, "m d"]  # in units of the region, from its centre
    score: Float[Array, " m"]
    mask: Bool[Array, " m"]


def observed(state: BayesianState) -> Observed:
    """The rows remembered, their losses as the normal quantiles of their ranks."""
    mask = state.told >= 0
    less = mask & (state.losses < state.losses[:, None])
    same = mask & (state.losses == state.losses[:, None])
    rank = jnp.sum(less, axis=1) + 0.5 * jnp.sum(same, axis=1)
    rank = rank.astype(state.losses.dtype) / jnp.maximum(jnp.sum(mask), 1)
    score = jnp.where(mask, ndtri(jnp.where(mask, rank, 0.5)), 0.0)
    return Observed((state.x - state.centre) / state.width, score, mask)


class Posterior(NamedTuple):
    """A Gaussian process with a Matérn-5/2 kernel of variance 1."""

    z: Float[Array, "m d"]
    mask: Bool[Array, " m"]
    lower: Float[Array, "m m"]
    alpha: Float[Array, " m"]
    mean: Float[Array, ""]
    scale: Float[Array, ""]

    @staticmethod
    def of(data: Observed, setting: Int[Array, ""]) -> "Posterior":
        """Under the `setting`-th of the grid's length scales and noises."""
        mask = data.mask
        scale, noise = _grid(data.z.shape[1], data.z.dtype)
        kernel = _matern(_squares(data.z, data.z) / scale[setting] ** 2)
        kernel = jnp.where(mask & mask[:, None], kernel, 0.0)
        diagonal = jnp.where(mask, noise[setting], 1.0)
        lower = jnp.linalg.cholesky(kernel + jnp.diag(diagonal))
        ones = jnp.where(mask, 1.0, 0.0).astype(data.z.dtype)
        share = cho_solve((lower, True), ones)
        mean = share @ data.score / jnp.maximum(share @ ones, 1e-6)
        alpha = cho_solve((lower, True), ones * (data.score - mean))
        return Posterior(data.z, mask, lower, alpha, mean, scale[setting])

    def predict(
        self, z: Float[Array, "k d"]
    ) -> tuple[Float[Array, " k"], Float[Array, " k"]]:
        """Mean and standard deviation, without the noise."""
        cross = _matern(_squares(self.z, z) / self.scale**2)
        cross = jnp.where(self.mask[:, None], cross, 0.0)
        reduced = solve_triangular(self.lower, cross, lower=True)
        left = jnp.maximum(1 - jnp.sum(reduced**2, axis=0), 1e-6)
        return self.mean + self.alpha @ cross, jnp.sqrt(left)


def fitted(data: Observed) -> Int[Array, ""]:
    """The setting of the largest marginal likelihood."""

    def likelihood(setting: Int[Array, ""]) -> Float[Array, ""]:
        p = Posterior.of(data, setting)
        half = jnp.sum(jnp.log(jnp.diag(p.lower)))
        return -0.5 * (data.score - p.mean) @ p.alpha - half

    values = jax.vmap(likelihood)(jnp.arange(len(SCALES) * len(NOISES)))
    return jnp.argmax(jnp.where(jnp.isnan(values), -jnp.inf, values))


def _grid(dim: int, dtype: np.dtype) -> tuple[Float[Array, " g"], Float[Array, " g"]]:
    scales, noises = np.meshgrid(SCALES, NOISES, indexing="ij")
    scales = scales.ravel() * math.sqrt(dim)
    return jnp.asarray(scales, dtype), jnp.asarray(noises.ravel(), dtype)


def _matern(square: Float[Array, "..."]) -> Float[Array, "..."]:
    r = jnp.sqrt(5 * square + 1e-12)
    return (1 + r + r * r / 3) * jnp.exp(-r)


def _squares(a: Float[Array, "m d"], b: Float[Array, "k d"]) -> Float[Array, "m k"]:
    """Squared distances."""
    square = jnp.sum(a * a, 1)[:, None] + jnp.sum(b * b, 1) - 2 * a @ b.T
    return jnp.maximum(square, 0.0)


def log_h(z: Float[Array, " k"]) -> Float[Array, " k"]:
    """`log(φ(z) + z Φ(z))`, also where it underflows."""
    density = -0.5 * z * z - 0.5 * math.log(2 * math.pi)
    near = jnp.log(jnp.exp(density) + jnp.maximum(z, -1) * ndtr(z))
    middle = jnp.clip(z, -50.0, -1.0)
    log_middle = -0.5 * middle**2 - 0.5 * math.log(2 * math.pi)
    mills = jnp.exp(log_ndtr(middle) - log_middle)
    tiny = jnp.finfo(z.dtype).tiny
    left = density + jnp.log(jnp.maximum(1 + middle * mills, tiny))
    far = density - 2 * jnp.log(jnp.maximum(-z, 1.0))
    return jnp.where(z > -1, near, jnp.where(z > -50, left, far))
