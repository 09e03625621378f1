"""Functions with constraints, which are kept where they are at most 0.

Gramacy et al. 2016, "Modeling an Augmented Lagrangian for Blackbox Constrained
Optimization", https://arxiv.org/abs/1403.4890
Gardner et al. 2014, "Bayesian Optimization with Inequality Constraints",
http://proceedings.mlr.press/v32/gardner14.html
"""

import math

import numpy as np
from jaxtyping import Float64

from thalweg.benchmarks.functions.function import Function, box

Points = Float64[np.ndarray, "n 2"]


def gramacy() -> Function:
    """A linear loss; one of two constraints is tight, and bends."""

    def constraints(x: Points) -> Float64[np.ndarray, "n 2"]:
        a, b = x[:, 0], x[:, 1]
        wave = 0.5 * np.sin(2 * np.pi * (a**2 - 2 * b))
        return np.stack([1.5 - a - 2 * b - wave, a**2 + b**2 - 1.5], axis=1)

    return box(
        "gramacy",
        [(0, 1)] * 2,
        lambda x: x.sum(1),
        constraints=constraints,
        minimum=0.5997880520,
        best=[0.195122689, 0.404665364],
    )


def gardner_wide() -> Function:
    """The paper's first simulation: several regions are feasible."""

    def formula(x: Points) -> Float64[np.ndarray, " n"]:
        return np.cos(2 * x[:, 0]) * np.cos(x[:, 1]) + np.sin(x[:, 0])

    return box(
        "gardner_wide",
        [(0, 6)] * 2,
        formula,
        constraints=lambda x: np.cos(x.sum(1))[:, None] - 0.5,
        minimum=-2.0,
        best=[1.5 * math.pi, 0.0],
    )


def gardner_narrow() -> Function:
    """The paper's second simulation: hardly anything is feasible."""

    def formula(x: Points) -> Float64[np.ndarray, " n"]:
        return np.sin(x[:, 0]) + x[:, 1]

    return box(
        "gardner_narrow",
        [(0, 6)] * 2,
        formula,
        constraints=lambda x: np.sin(x).prod(1)[:, None] + 0.95,
        minimum=0.2532358975,
        best=[1.5 * math.pi, math.asin(0.95) + 1e-9],
    )
