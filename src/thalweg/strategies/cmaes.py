"""CMA-ES: a normal distribution whose covariance learns the shape of the loss.

Hansen 2016, "The CMA Evolution Strategy: A Tutorial", Appendix A with its default
parameters, active (negative) weights included, https://arxiv.org/abs/1604.00772
Departs from the tutorial: candidates are drawn with the symmetric root of C instead of
B D (the same distribution, whatever signs the eigenvectors come in); a generation
without a finite loss halves the step size and changes nothing else.
"""

import math
from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, Int

from thalweg.core.errors import InvalidInput
from thalweg.core.hyper import hyper
from thalweg.core.occasional import anew
from thalweg.core.typing import Hyper, Key
from thalweg.strategies.base import (
    AbstractStrategy,
    Best,
    check_size,
    graded,
    no_generations,
    start,
)

MOST = 2000  # variables: three arrays of 16 MB, and seconds for their eigenvectors
LARGEST, SMALLEST = 1e30, 1e-30  # step sizes


@dataclass(frozen=True)
class Constants:
    """What the number of variables and candidates settles: the tutorial's Table 1."""

    weights: Float[np.ndarray, " n"]  # positive ones sum to 1
    mu_eff: float  # of the positive weights
    c_sigma: float
    d_sigma: float
    c_c: float
    c_1: float
    c_mu: float
    chi: float  # E |N(0, I)|

    @staticmethod
    def of(dim: int, population: int) -> "Constants":
        """The defaults of equations 49 to 58."""
        raw = math.log((population + 1) / 2) - np.log(np.arange(1, population + 1))
        plus, minus = raw[: population // 2], raw[population // 2 :]
        mu_eff = plus.sum() ** 2 / (plus**2).sum()
        c_1 = 2 / ((dim + 1.3) ** 2 + mu_eff)
        c_mu = 2 * (0.25 + mu_eff + 1 / mu_eff - 2) / ((dim + 2) ** 2 + mu_eff)
        c_mu = min(1 - c_1, c_mu)
        mu_eff_minus = minus.sum() ** 2 / (minus**2).sum()
        bound = min(
            1 + c_1 / c_mu,
            1 + 2 * mu_eff_minus / (mu_eff + 2),
            (1 - c_1 - c_mu) / (dim * c_mu),
        )
        scale = np.where(raw >= 0, 1 / plus.sum(), bound / np.abs(raw[raw < 0]).sum())
        c_sigma = (mu_eff + 2) / (dim + mu_eff + 5)
        spread = math.sqrt((mu_eff - 1) / (dim + 1)) - 1
        return Constants(
            weights=raw * scale,
            mu_eff=float(mu_eff),
            c_sigma=float(c_sigma),
            d_sigma=float(1 + 2 * max(0.0, spread) + c_sigma),
            c_c=float((4 + mu_eff / dim) / (dim + 4 + 2 * mu_eff / dim)),
            c_1=float(c_1),
            c_mu=float(c_mu),
            chi=math.sqrt(2)
            * math.exp(math.lgamma((dim + 1) / 2) - math.lgamma(dim / 2)),
        )


def default_population(dim: int) -> int:
    """Candidates per generation: equation 48."""
    return 4 + int(3 * math.log(dim))


class Paths(eqx.Module):
    """The step size and the two evolution paths, which all variants share."""

    count: Int[Array, ""]  # g, generations told
    sigma: Float[Array, ""]
    p_sigma: Float[Array, " d"]
    p_c: Float[Array, " d"]

    @staticmethod
    def begin(mean: Float[Array, " d"], sigma: Hyper) -> "Paths":
        """Before the first generation."""
        zeros = jnp.zeros_like(mean)
        return Paths(no_generations(), sigma.astype(mean.dtype), zeros, zeros)

    def extended(
        self,
        step: Float[Array, " d"],  # <y>_w
        white: Float[Array, " d"],  # C^-1/2 <y>_w
        c: Constants,
    ) -> tuple["Paths", Float[Array, ""]]:
        """One generation on (equations 43 to 45), and h_sigma."""
        count = self.count + 1
        gain = math.sqrt(c.c_sigma * (2 - c.c_sigma) * c.mu_eff)
        p_sigma = (1 - c.c_sigma) * self.p_sigma + gain * white
        length = jnp.linalg.norm(p_sigma)
        change = jnp.exp(c.c_sigma / c.d_sigma * (length / c.chi - 1))
        sigma = jnp.clip(self.sigma * change, SMALLEST, LARGEST)
        filled = 1 - (1 - c.c_sigma) ** (2 * count.astype(length.dtype))
        limit = (1.4 + 2 / (step.size + 1)) * c.chi
        h = (length / jnp.sqrt(filled) < limit).astype(length.dtype)
        gain = math.sqrt(c.c_c * (2 - c.c_c) * c.mu_eff)
        p_c = (1 - c.c_c) * self.p_c + h * gain * step
        return Paths(count, sigma, p_sigma, p_c), h

    def failed(self) -> "Paths":
        """After a generation without a finite loss: nearer, and otherwise the same."""
        sigma = jnp.maximum(self.sigma / 2, SMALLEST)
        return eqx.tree_at(lambda p: p.sigma, self, sigma)


class CMAESState(eqx.Module):
    mean: Float[Array, " d"]
    paths: Paths
    covariance: Float[Array, "d d"]  # C
    root: Float[Array, "d d"]  # C^1/2, symmetric, of the last decomposition
    inverse_root: Float[Array, "d d"]  # C^-1/2
    best: Best


class CMAES(AbstractStrategy[CMAESState]):
    """The first choice for up to a few hundred variables, badly scaled or correlated.

    Sees the losses' order only, and no choice of coordinates. Its work and memory grow
    with the square of the number of variables (at most 2,000); beyond, `SepCMAES` or a
    random subspace. A larger `population` searches more globally and stands more noise.
    """

    sigma: Hyper = hyper(0.3)  # the first step size, about a third of the way to go
    _: KW_ONLY
    population: int | None = eqx.field(default=None, static=True)  # 4 + 3 ln d

    rank_based: ClassVar[bool] = True

    def __check_init__(self):
        check_size("population", self.population, 4)

    def size(self, dim: int) -> int:
        return self.population or default_population(dim)

    def init(self, mean: Float[Array, " d"], *, key: Key) -> CMAESState:
        del key
        mean = start(mean)
        if mean.size > MOST:
            raise InvalidInput(
                f"CMAES takes at most {MOST} variables, but got {mean.size}: its "
                "covariance would have their square. Use SepCMAES or "
                "EvolutionStrategy, or search a random subspace."
            )
        eye = jnp.eye(mean.size, dtype=mean.dtype)
        paths = Paths.begin(mean, self.sigma)
        return CMAESState(mean, paths, eye, eye, eye, Best.none(mean))

    def ask(self, state: CMAESState, *, key: Key) -> Float[Array, "n d"]:
        dim = state.mean.size
        z = jr.normal(key, (self.size(dim), dim), state.mean.dtype)
        return state.mean + state.paths.sigma * (z @ state.root)

    def tell(
        self, state: CMAESState, x: Float[Array, "n d"], losses: Float[Array, " n"]
    ) -> CMAESState:
        losses = graded(losses, state.mean)
        c = Constants.of(state.mean.size, len(losses))
        weights = jnp.asarray(c.weights, x.dtype)
        y = (x[jnp.argsort(losses)] - state.mean) / state.paths.sigma
        step = jnp.maximum(weights, 0.0) @ y
        white = y @ state.inverse_root
        paths, h = state.paths.extended(step, step @ state.inverse_root, c)
        covariance = _adapted(state.covariance, paths.p_c, h, y, white, weights, c)
        roots = self._roots(covariance, state, paths.count, c)
        best = state.best.or_among(x, losses)
        mean = state.mean + state.paths.sigma * step
        new = CMAESState(mean, paths, covariance, *roots, best)
        failed = eqx.tree_at(lambda s: s.paths, state, state.paths.failed())
        succeeded = jnp.isfinite(jnp.min(losses))
        return jax.tree.map(lambda a, b: jnp.where(succeeded, a, b), new, failed)

    def point(self, state: CMAESState) -> Float[Array, " d"]:
        return state.mean

    def best(self, state: CMAESState) -> Best:
        return state.best

    def _roots(
        self,
        covariance: Float[Array, "d d"],
        state: CMAESState,
        count: Int[Array, ""],
        c: Constants,
    ) -> tuple[Float[Array, "d d"], Float[Array, "d d"]]:
        """Both roots, anew every so many generations (appendix B.2)."""
        gap = max(1, int(1 / (10 * len(covariance) * (c.c_1 + c.c_mu))))
        old = (state.root, state.inverse_root)
        if gap == 1:
            return roots(covariance)
        return anew(count % gap == 0, lambda _: roots(covariance), old)


def _adapted(
    covariance: Float[Array, "d d"],
    p_c: Float[Array, " d"],
    h: Float[Array, ""],
    y: Float[Array, "n d"],  # from the best to the worst
    white: Float[Array, "n d"],  # C^-1/2 y
    weights: Float[Array, " n"],
    c: Constants,
) -> Float[Array, "d d"]:
    """Equations 46 and 47: the path's and the candidates' outer products enter."""
    square = jnp.maximum(jnp.sum(white**2, axis=1), jnp.finfo(y.dtype).tiny)
    bounded = jnp.where(weights >= 0, weights, weights * (y.shape[1] / square))
    missing = (1 - h) * c.c_c * (2 - c.c_c)
    keep = 1 + c.c_1 * missing - c.c_1 - c.c_mu * float(c.weights.sum())
    new = keep * covariance + c.c_1 * jnp.outer(p_c, p_c)
    return new + c.c_mu * (y.T * bounded) @ y


def roots(
    covariance: Float[Array, "d d"],
) -> tuple[Float[Array, "d d"], Float[Array, "d d"]]:
    """The symmetric root and its inverse; what rounding made negative is lifted."""
    values, vectors = jnp.linalg.eigh((covariance + covariance.T) / 2)
    least = jnp.finfo(values.dtype).eps * jnp.max(jnp.abs(values))
    deviations = jnp.sqrt(jnp.maximum(values, least))
    return (vectors * deviations) @ vectors.T, (vectors / deviations) @ vectors.T
