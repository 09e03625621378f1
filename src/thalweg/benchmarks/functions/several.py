"""Functions of several objectives, with the volume of their known fronts.

ZDT: Zitzler, Deb & Thiele 2000, https://doi.org/10.1162/106365600568202
DTLZ2: Deb et al. 2002, https://doi.org/10.1109/CEC.2002.1007032
Branin and Currin: Belakaria et al. 2019, section 5, https://arxiv.org/abs/1906.07749
"""

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Float64

from thalweg.benchmarks.functions.function import Function, box
from thalweg.benchmarks.functions.valleys import branin_of

Points = Float64[np.ndarray, "n d"]
Losses = Float64[np.ndarray, "n m"]
REFERENCE = 11.0  # of ZDT, in both objectives


def zdt1(d: int = 6) -> Function:
    """A convex front."""
    return _zdt("zdt1", d, lambda f, g: g * (1 - np.sqrt(f / g)), 120 + 2 / 3)


def zdt2(d: int = 6) -> Function:
    """A concave front."""
    return _zdt("zdt2", d, lambda f, g: g * (1 - (f / g) ** 2), 120 + 1 / 3)


def zdt3(d: int = 6) -> Function:
    """A front of five pieces."""

    def second(f: np.ndarray, g: np.ndarray) -> np.ndarray:
        return g * (1 - np.sqrt(f / g) - f / g * np.sin(10 * np.pi * f))

    return _zdt("zdt3", d, second, 128.7781161308)


def dtlz2(d: int = 6, objectives: int = 2) -> Function:
    """The front is the unit sphere's part where all objectives are positive."""

    def formula(x: Points) -> Losses:
        radius = 1 + ((x[:, objectives - 1 :] - 0.5) ** 2).sum(1)
        angle = x[:, : objectives - 1] * math.pi / 2
        out = np.repeat(radius[:, None], objectives, axis=1)
        for i in range(objectives):
            out[:, i] *= np.cos(angle[:, : objectives - 1 - i]).prod(1)
            if i:
                out[:, i] *= np.sin(angle[:, objectives - 1 - i])
        return out

    ball = math.pi ** (objectives / 2) / math.gamma(objectives / 2 + 1)
    volume = 1.1**objectives - ball / 2**objectives
    return box(
        "dtlz2", [(0, 1)] * d, formula, reference=[1.1] * objectives, volume=volume
    )


def branin_currin() -> Function:
    """Branin's function against Currin's, on the unit square."""

    def formula(x: Points) -> Losses:
        first = branin_of(15 * x[:, 0] - 5, 15 * x[:, 1])
        a, b = x[:, 0], np.maximum(x[:, 1], 1e-12)
        top = 2300 * a**3 + 1900 * a**2 + 2092 * a + 60
        bottom = 100 * a**3 + 500 * a**2 + 4 * a + 20
        return np.stack([first, (1 - np.exp(-1 / (2 * b))) * top / bottom], axis=1)

    return box(
        "branin_currin",
        [(0, 1)] * 2,
        formula,
        reference=[18.0, 6.0],
        volume=59.4058,  # between 59.4046 and 59.4070 by a million points of the front
    )


def _zdt(
    name: str,
    d: int,
    second: Callable[[np.ndarray, np.ndarray], np.ndarray],
    volume: float,
) -> Function:
    def formula(x: Points) -> Losses:
        g = 1 + 9 * x[:, 1:].mean(1)
        return np.stack([x[:, 0], second(x[:, 0], g)], axis=1)

    reference = [REFERENCE, REFERENCE]
    return box(name, [(0, 1)] * d, formula, reference=reference, volume=volume)
