"""Random search: perturb the best point known and keep what is no worse.

Rastrigin 1963, "The convergence of the random search method in the extremal control of
a many-parameter system"; Matyas 1965, "Random optimization"
Step size: Rechenberg's 1/5 success rule (1973), written as in Igel, Hansen & Roth 2007,
section 2, https://doi.org/10.1162/evco.2007.15.1.1
Departs from the papers: many candidates a step; the success rate is not smoothed over
steps; a draw counts as the rate aimed at, so that a plateau leaves the step size alone.
"""

from dataclasses import KW_ONLY
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float

from thalweg.core.hyper import hyper
from thalweg.core.typing import Hyper, Key
from thalweg.strategies.base import AbstractStrategy, Best, check_size, graded, start


class RandomSearchState(eqx.Module):
    point: Float[Array, " d"]  # the incumbent
    sigma: Float[Array, ""]  # the step size
    best: Best


class RandomSearch(AbstractStrategy[RandomSearchState]):
    """The baseline that any other strategy must beat; robust, with nothing to tune.

    Each step evaluates the incumbent again, then `population - 1` perturbations of it.
    `success=0` with `adapt=False` is the plain method of a fixed step.
    """

    sigma: Hyper = hyper(0.3)  # standard deviation of the first perturbations
    _: KW_ONLY
    success: Hyper = hyper(0.2)  # the share of better candidates that is aimed at
    population: int = eqx.field(default=16, static=True)  # with the incumbent
    adapt: bool = eqx.field(default=True, static=True)

    rank_based: ClassVar[bool] = True
    point_first: ClassVar[bool] = True

    def __check_init__(self):
        check_size("population", self.population, 2)

    def size(self, dim: int) -> int:
        del dim
        return self.population

    def init(self, mean: Float[Array, " d"], *, key: Key) -> RandomSearchState:
        del key
        mean = start(mean)
        return RandomSearchState(mean, self.sigma.astype(mean.dtype), Best.none(mean))

    def ask(self, state: RandomSearchState, *, key: Key) -> Float[Array, "n d"]:
        shape = (self.population, state.point.size)
        noise = jr.normal(key, shape, state.point.dtype).at[0].set(0.0)
        return state.point + state.sigma * noise

    def tell(
        self,
        state: RandomSearchState,
        x: Float[Array, "n d"],
        losses: Float[Array, " n"],
    ) -> RandomSearchState:
        losses = graded(losses, state.point)
        incumbent, others = losses[0], losses[1:]
        first = jnp.argmin(others)
        kept = others[first] <= incumbent
        point = jnp.where(kept & jnp.isfinite(others[first]), x[first + 1], x[0])
        sigma = state.sigma
        if self.adapt:
            drawn = jnp.where(others == incumbent, self.success, 0.0)
            rate = jnp.mean(jnp.where(others < incumbent, 1.0, drawn))
            damping = 1 + x.shape[1] / (2 * (self.population - 1))
            change = (rate - self.success) / (damping * (1 - self.success))
            sigma = (sigma * jnp.exp(change)).astype(sigma.dtype)
        return RandomSearchState(point, sigma, state.best.or_among(x, losses))

    def point(self, state: RandomSearchState) -> Float[Array, " d"]:
        return state.point

    def best(self, state: RandomSearchState) -> Best:
        return state.best
