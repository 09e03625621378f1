"""The distribution of CMA-ES over a mixed space: normal, with shares for choices.

The papers are those of `cma_es.py`.
"""

from dataclasses import replace

import equinox as eqx
import numpy as np
from jaxtyping import Bool, Float64, Int64
from scipy.special import ndtr, ndtri

from thalweg.spaces import Int, Space

ROUNDING = 1e-9  # of the ends of logarithmic cells
FAR = 4.0  # deviations beyond the root of the dimension
RIDGE = 1e-14  # of the largest eigenvalue: the least one of a covariance


class Distribution(eqx.Module):
    """Where the next points are drawn; all of the cube's dimensions have an entry.

    Choices are apart: their entries of the mean and of the covariance rest.
    """

    mean: Float64[np.ndarray, " d"]
    sigma: Float64[np.ndarray, ""]
    scale: Float64[np.ndarray, " d"]  # A, which keeps discrete coordinates moving
    covariance: Float64[np.ndarray, "d d"]  # C
    root: Float64[np.ndarray, "d d"]  # C^1/2, symmetric
    inverse_root: Float64[np.ndarray, "d d"]
    p_sigma: Float64[np.ndarray, " d"]
    p_c: Float64[np.ndarray, " d"]
    generation: Int64[np.ndarray, ""]
    shares: Float64[np.ndarray, "d l"]  # of each choice's values; zero beyond them

    @staticmethod
    def around(
        space: Space, mean: Float64[np.ndarray, " d"], sigma: float
    ) -> "Distribution":
        """A sphere, and even shares."""
        eye, zeros = np.eye(space.dim), np.zeros(space.dim)
        choice = _choices(space)
        count = np.where(choice, [n or 0 for n in space.levels], 0).astype(np.int64)
        place = np.arange(count.max(initial=0))
        shares = (place < count[:, None]) / np.maximum(count, 1)[:, None]
        return Distribution(
            mean, np.array(sigma), np.ones(space.dim), eye, eye, eye, zeros, zeros,
            np.array(0), shares,
        )  # fmt: skip

    def sample(
        self, space: Space, n: int, rng: np.random.Generator
    ) -> Float64[np.ndarray, "n d"]:
        """Points of the cube; what falls beyond its walls is put on them."""
        z = rng.standard_normal((n, len(self.mean)))
        x = np.clip(self.mean + self.sigma * self.scale * (z @ self.root), 0.0, 1.0)
        for j in np.flatnonzero(_choices(space)).tolist():
            index = np.searchsorted(np.cumsum(self.shares[j])[:-1], rng.random(n))
            levels = space.levels[j]
            assert levels is not None
            x[:, j] = space.centres(j, np.minimum(index, levels - 1))
        return x

    def moved(self, space: Space, ranked: Float64[np.ndarray, "n d"]) -> "Distribution":
        """After a generation's points, the best first."""
        from thalweg.strategies.cmaes import Constants

        choice = _choices(space)
        new = self
        if not choice.all():
            part = ~choice
            constants = Constants.of(int(part.sum()), len(ranked))
            new = _normal_moved(self, part, ranked[:, part], constants)
            new = _with_margin(new, space, len(ranked))
        if choice.any():
            new = replace(new, shares=_shares_moved(self.shares, space, ranked))
        return new

    def narrow(self, smallest: float) -> bool:
        """Whether all steps are tiny, or the shape is beyond double precision."""
        variance = np.diag(self.covariance)
        step = self.sigma * (self.scale * np.sqrt(variance)).max(initial=0.0)
        return bool(len(variance) and (step < smallest or self.sigma > 1e6))


def _normal_moved(
    old: Distribution, part: Bool[np.ndarray, " d"], x: np.ndarray, c
) -> Distribution:
    """The mean, the step size and the covariance (equations 36 to 47)."""
    at = np.ix_(part, part)
    inverse = old.inverse_root[at]
    y = (x - old.mean[part]) / (old.sigma * old.scale[part])
    white = y @ inverse
    # points of elsewhere count as if no further than its own ever are
    dim, length = len(inverse), np.linalg.norm(white, axis=1)
    far = np.sqrt(dim) + FAR
    shrink = np.minimum(1.0, far / np.maximum(length, 1e-300))[:, None]
    y, white = y * shrink, white * shrink
    plus = np.maximum(c.weights, 0.0)
    step, generation = plus @ y, int(old.generation) + 1
    gain = np.sqrt(c.c_sigma * (2 - c.c_sigma) * c.mu_eff)
    p_sigma = (1 - c.c_sigma) * old.p_sigma[part] + gain * (step @ inverse)
    norm = np.linalg.norm(p_sigma)
    rate = np.exp(min(1.0, c.c_sigma / c.d_sigma * (norm / c.chi - 1)))
    filled = np.sqrt(1 - (1 - c.c_sigma) ** (2 * generation))
    h = float(norm / filled < (1.4 + 2 / (dim + 1)) * c.chi)
    gain = np.sqrt(c.c_c * (2 - c.c_c) * c.mu_eff)
    p_c = (1 - c.c_c) * old.p_c[part] + h * gain * step
    square = np.maximum((white**2).sum(1), 1e-300)
    weights = np.where(c.weights >= 0, c.weights, c.weights * dim / square)
    keep = 1 + c.c_1 * (1 - h) * c.c_c * (2 - c.c_c) - c.c_1
    keep -= c.c_mu * c.weights.sum()
    covariance = keep * old.covariance[at] + c.c_1 * np.outer(p_c, p_c)
    covariance += c.c_mu * (y.T * weights) @ y
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    deviations = np.sqrt(np.maximum(values, RIDGE * values.max()))
    mean = np.clip(old.mean[part] + old.sigma * old.scale[part] * step, 0.0, 1.0)
    return replace(
        old,
        mean=_put(old.mean, part, mean),
        sigma=np.array(old.sigma * rate),
        covariance=_put(old.covariance, at, (vectors * deviations**2) @ vectors.T),
        root=_put(old.root, at, (vectors * deviations) @ vectors.T),
        inverse_root=_put(old.inverse_root, at, (vectors / deviations) @ vectors.T),
        p_sigma=_put(old.p_sigma, part, p_sigma),
        p_c=_put(old.p_c, part, p_c),
        generation=np.array(generation),
    )


def _with_margin(new: Distribution, space: Space, n: int) -> Distribution:
    """Every discrete number leaves its mean's value with some chance, for ever."""
    mean, scale = new.mean.copy(), new.scale.copy()
    alpha = 1 / (n * space.dim)
    for j, levels in enumerate(space.levels):
        if levels is None or space.kinds[j] == "choice":
            continue
        low, high = _cell(space, j, mean[j])
        unit = new.sigma * np.sqrt(new.covariance[j, j])
        deviation = unit * scale[j]
        if low < ROUNDING or high > 1 - ROUNDING:  # at an end: one way out
            edge = high if low < ROUNDING else low
            most = deviation * ndtri(1 - alpha)
            mean[j] = edge + np.clip(mean[j] - edge, -most, most)
            continue
        down, up = ndtr((low - mean[j]) / deviation), ndtr((mean[j] - high) / deviation)
        p = np.maximum([down, up, 1 - down - up], alpha / 2)
        p += (1 - p.sum()) / (p.sum() - 1.5 * alpha) * (p - alpha / 2)
        a, b = ndtri(1 - p[0]), ndtri(1 - p[1])
        if a + b > 0:
            mean[j] = (low * b + high * a) / (a + b)
            scale[j] = (high - low) / (a + b) / unit
    return replace(new, mean=np.clip(mean, 0.0, 1.0), scale=scale)


def _shares_moved(
    shares: Float64[np.ndarray, "d l"], space: Space, ranked: np.ndarray
) -> Float64[np.ndarray, "d l"]:
    """Towards the better half's values; no share vanishes."""
    better = ranked[: max(1, len(ranked) // 2)]
    weights = np.log(len(better) + 1) - np.log(np.arange(1, len(better) + 1))
    weights /= weights.sum()
    effective = 1 / (weights**2).sum()
    choice = np.flatnonzero(_choices(space))
    free = sum((space.levels[j] or 1) - 1 for j in choice)
    rate, shares = effective / (effective + free + 2), shares.copy()
    present = space.active(better)
    for j in choice.tolist():
        levels = space.levels[j]
        assert levels is not None
        index = np.clip((better[:, j] * levels).astype(np.int64), 0, levels - 1)
        here = weights * present[:, j]
        target = np.bincount(index, here, minlength=levels)
        new = shares[j, :levels]
        new = new + rate * (target - here.sum() * new)
        least = (1 - 0.73 ** (1 / len(choice))) / (levels - 1)
        new = np.maximum(new, min(least, 0.5 / levels))
        shares[j, :levels] = new / new.sum()
    return shares


def _choices(space: Space) -> Bool[np.ndarray, " d"]:
    return np.array([kind == "choice" for kind in space.kinds], bool)


def _cell(space: Space, j: int, u: float) -> tuple[float, float]:
    """The ends of the discrete value's cell that holds `u`."""
    parameter, levels = space.parameters[space.dimensions[j]], space.levels[j]
    assert levels is not None
    if isinstance(parameter, Int) and parameter.log:
        value = int(parameter.index(np.array([u]))[0]) + parameter.low
        low, high = np.log(parameter.low - 0.5), np.log(parameter.high + 0.5)
        ends = (np.log(np.array([value - 0.5, value + 0.5])) - low) / (high - low)
        return float(ends[0]), float(ends[1])
    cell = min(int(u * levels), levels - 1)
    return cell / levels, (cell + 1) / levels


def _put(old: np.ndarray, at, new: np.ndarray) -> np.ndarray:
    out = old.copy()
    out[at] = new
    return out
