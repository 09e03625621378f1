"""Evolution strategy: the gradient of a smoothed loss, estimated from mirrored noise.

Salimans et al. 2017, Algorithm 2 with the shaping of its section 2.1,
https://arxiv.org/abs/1703.03864
Departs from the paper: equal losses share their ranks; no weight decay here. The rule
that moves the mean is momentum, unless the gradient is given to an optimizer.
"""

from dataclasses import KW_ONLY
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Int

from thalweg.core.errors import InvalidInput
from thalweg.core.hyper import hyper
from thalweg.core.typing import Hyper, Key
from thalweg.strategies.base import AbstractSmoothing, Best, check_size, graded, start

TOGETHER = 2**20  # entries of the noises that are in memory at a time, about


class EvolutionStrategyState(eqx.Module):
    mean: Float[Array, " d"]
    sigma: Float[Array, ""]
    velocity: Float[Array, " d"]
    best: Best


class EvolutionStrategy(AbstractSmoothing[EvolutionStrategyState]):
    """Very many variables (100,000 and more), in the memory of a few vectors.

    Candidates are the mean plus and minus `population / 2` noises. The noise is made
    from the key whenever it is needed, so that no more candidates are in memory than
    are evaluated at a time (`candidate`, `tell_losses`). With `sigma` fixed it ends in
    a neighbourhood of the minimum about as wide; `decay` below 1 narrows it.
    """

    sigma: Hyper = hyper(0.1)  # standard deviation of the noise
    _: KW_ONLY
    learning_rate: Hyper = hyper(1.0)  # 1: to the weighted mean of the candidates
    momentum: Hyper = hyper(0.9)
    decay: Hyper = hyper(1.0)  # of `sigma`, per generation
    population: int = eqx.field(default=64, static=True)

    rank_based: ClassVar[bool] = True

    def __check_init__(self):
        check_size("population", self.population, 2)
        if self.population % 2:
            raise InvalidInput(
                "`population` must be even, because noise is mirrored, but got "
                f"{self.population}."
            )

    def size(self, dim: int) -> int:
        del dim
        return self.population

    def init(self, mean: Float[Array, " d"], *, key: Key) -> EvolutionStrategyState:
        del key
        mean = start(mean)
        sigma = self.sigma.astype(mean.dtype)
        return EvolutionStrategyState(
            mean, sigma, jnp.zeros_like(mean), Best.none(mean)
        )

    def ask(self, state: EvolutionStrategyState, *, key: Key) -> Float[Array, "n d"]:
        index = jnp.arange(self.population)
        return jax.vmap(lambda i: self.candidate(state, i, key=key))(index)

    def candidate(
        self, state: EvolutionStrategyState, index: Int[Array, ""], *, key: Key
    ) -> Float[Array, " d"]:
        sign = jnp.where(index % 2 == 0, state.sigma, -state.sigma)
        return state.mean + sign * _noise(state, index // 2, key)

    def tell(
        self,
        state: EvolutionStrategyState,
        x: Float[Array, "n d"],
        losses: Float[Array, " n"],
    ) -> EvolutionStrategyState:
        losses = graded(losses, state.mean)
        noise = (x[::2] - x[1::2]) / (2 * state.sigma)
        gradient = _shaped(losses) @ noise / (self.population * state.sigma)
        best = state.best.or_among(x, losses)
        return self._moved(state, gradient, best)

    def tell_losses(
        self, state: EvolutionStrategyState, losses: Float[Array, " n"], *, key: Key
    ) -> EvolutionStrategyState:
        return self._moved(
            state,
            self.gradient(state, losses, key=key),
            self._best(state, losses, key),
        )

    def gradient(
        self, state: EvolutionStrategyState, losses: Float[Array, " n"], *, key: Key
    ) -> Float[Array, " d"]:
        weights = _shaped(graded(losses, state.mean))

        pairs = self.population // 2
        most = max(1, TOGETHER // state.mean.size)
        chunk = max(k for k in range(1, pairs + 1) if pairs % k == 0 and k <= most)

        def add(total: Array, some: tuple[Array, Array]) -> tuple[Array, None]:
            weight, index = some
            noise = jax.vmap(lambda i: _noise(state, i, key))(index)
            return total + weight @ noise, None

        index = jnp.arange(pairs)
        parts = weights.reshape(-1, chunk), index.reshape(-1, chunk)
        total, _ = jax.lax.scan(add, jnp.zeros_like(state.mean), parts)
        return total / (self.population * state.sigma)

    def placed(
        self,
        state: EvolutionStrategyState,
        point: Float[Array, " d"],
        losses: Float[Array, " n"],
        *,
        key: Key,
    ) -> EvolutionStrategyState:
        best = self._best(state, losses, key)
        sigma = state.sigma * self.decay.astype(state.sigma.dtype)
        return EvolutionStrategyState(point, sigma, state.velocity, best)

    def point(self, state: EvolutionStrategyState) -> Float[Array, " d"]:
        return state.mean

    def best(self, state: EvolutionStrategyState) -> Best:
        return state.best

    def _best(
        self, state: EvolutionStrategyState, losses: Float[Array, " n"], key: Key
    ) -> Best:
        losses = graded(losses, state.mean)
        first = jnp.argmin(losses)
        return state.best.or_else(self.candidate(state, first, key=key), losses[first])

    def _moved(
        self, state: EvolutionStrategyState, gradient: Float[Array, " d"], best: Best
    ) -> EvolutionStrategyState:
        # the magnitudes of centred ranks sum to a quarter of the population
        step = 4 * state.sigma**2 * gradient
        velocity = self.momentum * state.velocity + (1 - self.momentum) * step
        mean = state.mean - self.learning_rate * velocity
        new = EvolutionStrategyState(mean, state.sigma * self.decay, velocity, best)
        return jax.tree.map(lambda a, b: a.astype(b.dtype), new, state)


def _noise(
    state: EvolutionStrategyState, pair: Int[Array, ""], key: Key
) -> Float[Array, " d"]:
    return jr.normal(jr.fold_in(key, pair), state.mean.shape, state.mean.dtype)


def _shaped(losses: Float[Array, " n"]) -> Float[Array, " m"]:
    """Centred ranks from -1/2 (best) to 1/2, each pair's difference."""
    below = jnp.sum(losses[:, None] > losses, axis=1)
    equal = jnp.sum(losses[:, None] == losses, axis=1) - 1
    rank = (below + 0.5 * equal) / (len(losses) - 1) - 0.5
    return (rank[::2] - rank[1::2]).astype(losses.dtype)
