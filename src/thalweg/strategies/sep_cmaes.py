"""Separable CMA-ES: CMA-ES whose covariance is diagonal, for many variables.

Ros & Hansen 2008, "A Simple Modification in CMA-ES Achieving Linear Time and Space
Complexity", https://doi.org/10.1007/978-3-540-87700-4_30
Departs from the paper: the other constants are those of the later tutorial (see
`cmaes.py`), the rates of the covariance being (d + 2) / 3 times as large.
"""

from dataclasses import KW_ONLY, replace
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float

from thalweg.core.hyper import hyper
from thalweg.core.typing import Hyper, Key
from thalweg.strategies.base import AbstractStrategy, Best, check_size, graded, start
from thalweg.strategies.cmaes import Constants, Paths, default_population


class SepCMAESState(eqx.Module):
    mean: Float[Array, " d"]
    paths: Paths
    variance: Float[Array, " d"]  # the diagonal of C
    best: Best


class SepCMAES(AbstractStrategy[SepCMAESState]):
    """From some hundred variables to a million; learns their scales, not more.

    Linear in the number of variables, and quicker than `CMAES` to learn what it can;
    where variables interact strongly, `CMAES` needs far fewer evaluations.
    """

    sigma: Hyper = hyper(0.3)  # the first step size
    _: KW_ONLY
    population: int | None = eqx.field(default=None, static=True)  # 4 + 3 ln d

    rank_based: ClassVar[bool] = True

    def __check_init__(self):
        check_size("population", self.population, 4)

    def size(self, dim: int) -> int:
        return self.population or default_population(dim)

    def init(self, mean: Float[Array, " d"], *, key: Key) -> SepCMAESState:
        del key
        mean = start(mean)
        paths = Paths.begin(mean, self.sigma)
        return SepCMAESState(mean, paths, jnp.ones_like(mean), Best.none(mean))

    def ask(self, state: SepCMAESState, *, key: Key) -> Float[Array, "n d"]:
        dim = state.mean.size
        z = jr.normal(key, (self.size(dim), dim), state.mean.dtype)
        return state.mean + state.paths.sigma * jnp.sqrt(state.variance) * z

    def tell(
        self, state: SepCMAESState, x: Float[Array, "n d"], losses: Float[Array, " n"]
    ) -> SepCMAESState:
        losses = graded(losses, state.mean)
        c = constants(state.mean.size, len(losses))
        weights = jnp.asarray(c.weights, x.dtype)
        chosen = x[jnp.argsort(losses)[: len(c.weights)]]
        y = (chosen - state.mean) / state.paths.sigma
        step = weights @ y
        paths, h = state.paths.extended(step, step / jnp.sqrt(state.variance), c)
        missing = (1 - h) * c.c_c * (2 - c.c_c)
        variance = (1 + c.c_1 * missing - c.c_1 - c.c_mu) * state.variance
        variance += c.c_1 * paths.p_c**2 + c.c_mu * weights @ y**2
        least = jnp.finfo(variance.dtype).eps * jnp.max(variance)
        new = SepCMAESState(
            mean=state.mean + state.paths.sigma * step,
            paths=paths,
            variance=jnp.maximum(variance, least),
            best=state.best.or_among(x, losses),
        )
        failed = eqx.tree_at(lambda s: s.paths, state, state.paths.failed())
        succeeded = jnp.isfinite(jnp.min(losses))
        return jax.tree.map(lambda a, b: jnp.where(succeeded, a, b), new, failed)

    def point(self, state: SepCMAESState) -> Float[Array, " d"]:
        return state.mean

    def best(self, state: SepCMAESState) -> Best:
        return state.best


def constants(dim: int, population: int) -> Constants:
    """Those of CMA-ES with positive weights only and faster rates."""
    c = Constants.of(dim, population)
    c_1 = min(1.0, c.c_1 * (dim + 2) / 3)
    c_mu = min(1 - c_1, c.c_mu * (dim + 2) / 3)
    positive = np.asarray(c.weights[: population // 2])
    return replace(c, weights=positive, c_1=c_1, c_mu=c_mu)
