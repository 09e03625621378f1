"""Smooth functions of few minima: Branin, Rosenbrock, the six-hump camel.

Surjanovic & Bingham, "Virtual Library of Simulation Experiments",
https://www.sfu.ca/~ssurjano/optimization.html
"""

import math

import numpy as np
from jaxtyping import Float64

from thalweg.benchmarks.functions.function import Function, box


def branin() -> Function:
    """Two dimensions, three minima of equal depth."""

    def formula(x: Float64[np.ndarray, "n 2"]) -> Float64[np.ndarray, " n"]:
        return branin_of(x[:, 0], x[:, 1])

    return box(
        "branin",
        [(-5, 10), (0, 15)],
        formula,
        names=["x", "y"],
        minimum=0.39788735772973816,
        best=[math.pi, 2.275],
    )


def branin_of(
    x: Float64[np.ndarray, " n"], y: Float64[np.ndarray, " n"]
) -> Float64[np.ndarray, " n"]:
    """Branin's function itself."""
    a = y - 5.1 * x**2 / (4 * math.pi**2) + 5 * x / math.pi - 6
    return a**2 + 10 * (1 - 1 / (8 * math.pi)) * np.cos(x) + 10


def rosenbrock(d: int = 5) -> Function:
    """One curved valley, easy to find and slow to follow."""

    def formula(x: Float64[np.ndarray, "n d"]) -> Float64[np.ndarray, " n"]:
        steps = 100 * (x[:, 1:] - x[:, :-1] ** 2) ** 2 + (1 - x[:, :-1]) ** 2
        return steps.sum(1)

    return box(f"rosenbrock{d}", [(-5, 10)] * d, formula, minimum=0.0, best=[1.0] * d)


def six_hump_camel() -> Function:
    """Two dimensions, six minima, two of them lowest."""

    def formula(x: Float64[np.ndarray, "n 2"]) -> Float64[np.ndarray, " n"]:
        x, y = x[:, 0], x[:, 1]
        return (4 - 2.1 * x**2 + x**4 / 3) * x**2 + x * y + (4 * y**2 - 4) * y**2

    return box(
        "six_hump_camel",
        [(-3, 3), (-2, 2)],
        formula,
        minimum=-1.031628453489877,
        best=[0.08984200651937332, -0.7126564084370965],
    )
