"""Functions of many minima, in any number of dimensions.

Surjanovic & Bingham, "Virtual Library of Simulation Experiments",
https://www.sfu.ca/~ssurjano/optimization.html
Where the published box has its optimum in the middle, a search that tries the middle
first has found it: give `bounds` of your own, as TuRBO's authors did (-5 to 10).
"""

import math

import numpy as np
from jaxtyping import Float64

from thalweg.benchmarks.functions.function import Function, box
from thalweg.core.errors import InvalidInput

Bounds = tuple[float, float]
# Each coordinate's own minimum of Michalewicz's function, with its value.
_MICHALEWICZ = (2.20290552, 1.570796327, 1.284991571, 1.92305847, 1.720469773)
_MICHALEWICZ += (1.570796327, 1.454413971, 1.756086521, 1.655717417, 1.570796327)


def ackley(d: int = 5, *, bounds: Bounds = (-32.768, 32.768)) -> Function:
    """A funnel in a nearly flat, rippled plain."""
    return box(f"ackley{d}", [bounds] * d, ackley_of, minimum=0.0, best=[0.0] * d)


def ackley_of(x: Float64[np.ndarray, "n d"]) -> Float64[np.ndarray, " n"]:
    """Ackley's function itself."""
    far = -20 * np.exp(-0.2 * np.sqrt((x**2).mean(1)))
    return far - np.exp(np.cos(2 * np.pi * x).mean(1)) + 20 + math.e


def levy(d: int = 4, *, bounds: Bounds = (-10, 10)) -> Function:
    """Waves along each axis within a bowl."""

    def formula(x: Float64[np.ndarray, "n d"]) -> Float64[np.ndarray, " n"]:
        w = 1 + (x - 1) / 4
        first = np.sin(np.pi * w[:, 0]) ** 2
        middle = (w[:, :-1] - 1) ** 2 * (1 + 10 * np.sin(np.pi * w[:, :-1] + 1) ** 2)
        last = (w[:, -1] - 1) ** 2 * (1 + np.sin(2 * np.pi * w[:, -1]) ** 2)
        return first + middle.sum(1) + last

    return box(f"levy{d}", [bounds] * d, formula, minimum=0.0, best=[1.0] * d)


def rastrigin(d: int = 4, *, bounds: Bounds = (-5.12, 5.12)) -> Function:
    """A minimum near every integer."""

    def formula(x: Float64[np.ndarray, "n d"]) -> Float64[np.ndarray, " n"]:
        return (x**2 - 10 * np.cos(2 * np.pi * x) + 10).sum(1)

    return box(f"rastrigin{d}", [bounds] * d, formula, minimum=0.0, best=[0.0] * d)


def griewank(d: int = 4, *, bounds: Bounds = (-600, 600)) -> Function:
    """A wide bowl with small ripples."""

    def formula(x: Float64[np.ndarray, "n d"]) -> Float64[np.ndarray, " n"]:
        waves = np.cos(x / np.sqrt(np.arange(1, d + 1))).prod(1)
        return (x**2).sum(1) / 4000 - waves + 1

    return box(f"griewank{d}", [bounds] * d, formula, minimum=0.0, best=[0.0] * d)


def styblinski_tang(d: int = 4) -> Function:
    """Two minima along each axis, hence 2^d."""

    def formula(x: Float64[np.ndarray, "n d"]) -> Float64[np.ndarray, " n"]:
        return (x**4 - 16 * x**2 + 5 * x).sum(1) / 2

    return box(
        f"styblinski_tang{d}",
        [(-5, 5)] * d,
        formula,
        minimum=-39.16616570377141 * d,
        best=[-2.9035340314007785] * d,
    )


def michalewicz(d: int = 5) -> Function:
    """Steep, narrow valleys in a plain; at most 10 dimensions."""
    if not 1 <= d <= len(_MICHALEWICZ):
        raise InvalidInput(
            f"Michalewicz's function is declared for 1 to {len(_MICHALEWICZ)} "
            f"dimensions, but got {d!r}."
        )
    number = np.arange(1, d + 1)

    def formula(x: Float64[np.ndarray, "n d"]) -> Float64[np.ndarray, " n"]:
        return -(np.sin(x) * np.sin(number * x**2 / np.pi) ** 20).sum(1)

    best = np.array([_MICHALEWICZ[:d]])
    return box(
        f"michalewicz{d}",
        [(0, math.pi)] * d,
        formula,
        minimum=float(formula(best)[0]),
        best=list(_MICHALEWICZ[:d]),
    )
