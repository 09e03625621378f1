"""What a user believes before the first trial: a favoured value, and how surely.

Numbers and ordered values: a normal distribution around the favoured one, truncated to
the unit interval, that is on the parameter's own scale (logarithmic with `log=True`).
Its deviation is `WIDTHS[confidence]`; "medium" is the one of the papers' experiments:
Hvarfner et al. 2022 (piBO), https://arxiv.org/abs/2204.11051
Mallik et al. 2023 (PriorBand), https://arxiv.org/abs/2306.12370
A favoured choice is `1 / WIDTHS[confidence]` times as likely as each other one.
"""

from typing import Any

import numpy as np
from jaxtyping import Float64
from scipy.special import ndtr, ndtri

from thalweg.spaces.integer import Int
from thalweg.spaces.parameter import WIDTHS, AbstractDiscrete, AbstractParameter

SMOOTH = 1e-3  # cells narrower than this many deviations have their middle's density
LOG_SQRT_2PI = 0.5 * np.log(2 * np.pi)


class Prior:
    """The distribution over the unit interval that a parameter's `prior` stands for.

    Discrete values have their cells' masses, spread evenly over each cell.
    """

    def __init__(self, parameter: AbstractParameter):
        self.parameter = parameter
        self.width = WIDTHS[parameter.prior_confidence]
        self.centre = float(parameter.encode([parameter.prior])[0])
        ends = np.array([-self.centre, 1 - self.centre]) / self.width
        self.below, above = ndtr(ends)
        self.inside = above - self.below  # of the normal distribution, in [0, 1]

    def log_density(self, u: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
        """At `u`; its exponential integrates to one."""
        if self.parameter.kind == "choice":
            return np.log(self._weights())[_index(self.parameter, u)]
        centre = self.parameter.canonical(u)
        z = (centre - self.centre) / self.width
        smooth = -0.5 * z * z - LOG_SQRT_2PI - np.log(self.width * self.inside)
        if self.parameter.levels is None:
            return smooth
        half = _half_width(self.parameter, u)
        far = np.abs(z) + half / self.width  # by symmetry: the tail keeps its digits
        mass = ndtr(half / self.width - np.abs(z)) - ndtr(-far)
        wide = 2 * half > SMOOTH * self.width
        even = np.log(np.where(wide, mass, 1.0) / (2 * half * self.inside))
        return np.where(wide, even, smooth)

    def sample(self, q: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
        """The canonical coordinates at quantiles `q`."""
        if self.parameter.kind == "choice":
            shares = self._weights() / len(self._weights())
            index = np.searchsorted(np.cumsum(shares)[:-1], q, side="right")
            u = (index + 0.5) / len(shares)
        else:
            normal = ndtri(self.below + q * self.inside)
            u = np.clip(self.centre + self.width * normal, 0.0, 1.0)
        return self.parameter.canonical(u)

    def _weights(self) -> Float64[np.ndarray, " levels"]:
        """Each choice's density over the interval: its share times their number."""
        levels: Any = self.parameter.levels
        weight = np.ones(levels)
        weight[_index(self.parameter, np.array([self.centre]))] = 1 / self.width
        return weight * levels / weight.sum()


def _index(parameter: AbstractParameter, u: Float64[np.ndarray, " n"]) -> np.ndarray:
    assert isinstance(parameter, AbstractDiscrete)
    return parameter.index(u)


def _half_width(parameter: AbstractParameter, u: Float64[np.ndarray, " n"]) -> Any:
    """Of the cells that hold `u`: all alike but those of a logarithmic `Int`."""
    if isinstance(parameter, Int) and parameter.log:
        value = parameter.index(u) + parameter.low
        span = np.log(parameter.high + 0.5) - np.log(parameter.low - 0.5)
        return 0.5 * np.log((value + 0.5) / (value - 0.5)) / span
    assert parameter.levels is not None
    return np.full(len(u), 0.5 / parameter.levels)
