"""Real-coded genetic algorithm: select parents, cross them, mutate, keep the elite.

Holland 1975; Goldberg & Deb 1991 (tournament and ranking selection)
BLX-alpha: Eshelman & Schaffer 1993, https://doi.org/10.1016/B978-0-08-094832-4.50018-0
SBX: Deb & Agrawal 1995, "Simulated binary crossover for continuous search space"
Departs from the papers: mutations are measured in the population's own spread, variable
by variable, so that they shrink as it converges; the elite is evaluated again with
every generation, because the loss may be noisy.
"""

from dataclasses import KW_ONLY
from typing import ClassVar, Literal, get_args

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Int

from thalweg.core.errors import unknown_name
from thalweg.core.hyper import as_leaf, hyper
from thalweg.core.typing import Hyper, Key
from thalweg.strategies.base import AbstractStrategy, Best, check_size, graded, start

Selection = Literal["tournament", "rank", "truncation"]
Crossover = Literal["blend", "sbx", "uniform", "none"]


class GeneticState(eqx.Module):
    x: Float[Array, "n d"]  # the population, from the best to the worst
    losses: Float[Array, " n"]  # inf before the first generation is told
    best: Best


class Genetic(AbstractStrategy[GeneticState]):
    """Many local minima, moderately many variables; keeps several regions in play.

    **selection**: the best of `tournament` drawn at random; with a probability that
    falls linearly with the rank; or among the best half, all alike. **crossover**:
    `blend` draws between the parents and `alpha` of their distance beyond (by default
    as much as makes up for selection, which is less with many variables), `sbx` near
    the parents (the nearer, the larger `eta`), `uniform` takes each variable from
    either, `none` copies. **mutation**: how large mutations are, in the population's
    standard deviations; each variable mutates with probability `rate`.
    """

    sigma: Hyper = hyper(0.3)  # standard deviation of the first population
    _: KW_ONLY
    mutation: Hyper = hyper(1.0)
    rate: Hyper = hyper(0.1)
    alpha: Hyper | None = eqx.field(default=None, converter=as_leaf)
    eta: Hyper = hyper(2.0)
    population: int = eqx.field(default=48, static=True)
    elite: int = eqx.field(default=2, static=True)
    tournament: int = eqx.field(default=2, static=True)
    selection: Selection = eqx.field(default="tournament", static=True)
    crossover: Crossover = eqx.field(default="blend", static=True)

    rank_based: ClassVar[bool] = True
    point_first: ClassVar[bool] = True

    def __check_init__(self):
        check_size("elite", self.elite, 1)
        check_size("population", self.population, self.elite + 1)
        check_size("tournament", self.tournament, 1)
        for name, choices in (("selection", Selection), ("crossover", Crossover)):
            if getattr(self, name) not in get_args(choices):
                raise unknown_name(name, getattr(self, name), get_args(choices))

    def size(self, dim: int) -> int:
        del dim
        return self.population

    def init(self, mean: Float[Array, " d"], *, key: Key) -> GeneticState:
        mean = start(mean)
        shape = (self.population, mean.size)
        noise = jr.normal(key, shape, mean.dtype).at[0].set(0.0)
        x = (mean + self.sigma * noise).astype(mean.dtype)
        losses = jnp.full(self.population, jnp.inf, mean.dtype)
        return GeneticState(x, losses, Best.none(mean))

    def ask(self, state: GeneticState, *, key: Key) -> Float[Array, "n d"]:
        parents, cross, mutate = jr.split(key, 3)
        children = self.population - self.elite
        first, second = self._parents(state, children, parents)
        x = self._cross(first, second, cross)
        x = x + self._mutations(state, x, mutate)
        x = jnp.concatenate([state.x[: self.elite], x])
        # what was not judged yet has no elite
        fresh = jnp.isinf(state.losses[0])
        return jnp.where(fresh, state.x, x)

    def tell(
        self, state: GeneticState, x: Float[Array, "n d"], losses: Float[Array, " n"]
    ) -> GeneticState:
        losses = graded(losses, state.x)
        order = jnp.argsort(losses)
        any_finite = jnp.isfinite(losses[order[0]])
        new = jnp.where(any_finite, x[order], state.x)
        kept = jnp.where(any_finite, losses[order], state.losses)
        return GeneticState(new, kept, state.best.or_among(x, losses))

    def point(self, state: GeneticState) -> Float[Array, " d"]:
        return state.x[0]

    def best(self, state: GeneticState) -> Best:
        return state.best

    def _parents(
        self, state: GeneticState, children: int, key: Key
    ) -> tuple[Float[Array, "m d"], Float[Array, "m d"]]:
        rows = self._select((2, children), key)
        return state.x[rows[0]], state.x[rows[1]]

    def _select(self, shape: tuple[int, int], key: Key) -> Int[Array, "2 m"]:
        """Ranks of parents, 0 being the best."""
        n = self.population
        if self.selection == "tournament":
            return jnp.min(jr.randint(key, (*shape, self.tournament), 0, n), -1)
        if self.selection == "truncation":
            return jr.randint(key, shape, 0, max(1, n // 2))
        # density 2 (1 - r / n): the smaller of two uniform numbers
        u = jnp.min(jr.uniform(key, (*shape, 2)), -1)
        return jnp.minimum((u * n).astype(jnp.int32), n - 1)

    def _cross(
        self, a: Float[Array, "m d"], b: Float[Array, "m d"], key: Key
    ) -> Float[Array, "m d"]:
        if self.crossover == "none":
            return a
        u = jr.uniform(key, a.shape, a.dtype)
        if self.crossover == "uniform":
            return jnp.where(u < 0.5, a, b)
        if self.crossover == "blend":
            alpha = self._alpha(a.shape[1])
            along = u * (1 + 2 * alpha) - alpha
        else:
            near = jnp.where(u < 0.5, 2 * u, 0.5 / jnp.maximum(1 - u, 1e-7))
            along = 0.5 * (1 - near ** (1 / (self.eta + 1)))
        return (a + along * (b - a)).astype(a.dtype)

    def _alpha(self, dim: int) -> Hyper:
        """Without selection a generation multiplies the variance by 1 + 2.5 / d.

        The crossover's part is 1/2 + (1 + 2 alpha)^2 / 6, to which mutations add. With
        0.5 for `alpha` the population of a network's weights would never contract.
        """
        if self.alpha is not None:
            return self.alpha
        mutations = self.rate * self.mutation**2
        wanted = 1 + min(0.3, 2.5 / dim) - mutations
        return (jnp.sqrt(jnp.maximum(6 * (wanted - 0.5), 1.0)) - 1) / 2

    def _mutations(
        self, state: GeneticState, x: Float[Array, "m d"], key: Key
    ) -> Float[Array, "m d"]:
        where, noise = jr.split(key)
        mask = jr.bernoulli(where, self.rate, x.shape)
        size = self.mutation * jnp.std(state.x, axis=0)
        noise = size * jr.normal(noise, x.shape, x.dtype)
        return jnp.where(mask, noise, 0.0).astype(x.dtype)
