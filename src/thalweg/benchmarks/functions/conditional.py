"""Functions whose parameters exist only under conditions.

A tree of quadratics: Jenatton et al. 2017, "Bayesian Optimization with Tree-structured
Dependencies", section 4.1, https://proceedings.mlr.press/v70/jenatton17a.html
"""

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Float64

from thalweg.benchmarks.functions.function import Formula, Function
from thalweg.core.typing import Config
from thalweg.spaces import Choice, Float, Int, Ordinal, Space


def jenatton() -> Function:
    """Four leaves, each with a number of its own and one shared with its neighbour."""
    space = Space(
        {
            "x1": Choice([0, 1]),
            "x2": Choice([0, 1]).when("x1", [0]),
            "x3": Choice([0, 1]).when("x1", [1]),
            "x4": Float(-1, 1).when("x2", [0]),
            "x5": Float(-1, 1).when("x2", [1]),
            "x6": Float(-1, 1).when("x3", [0]),
            "x7": Float(-1, 1).when("x3", [1]),
            "r8": Float(0, 1).when("x1", [0]),
            "r9": Float(0, 1).when("x1", [1]),
        }
    )
    offset = {"x4": 0.1, "x5": 0.2, "x6": 0.3, "x7": 0.4}

    def value(c: Config) -> float:
        leaf = next(name for name in offset if name in c)
        return c[leaf] ** 2 + offset[leaf] + (c["r8"] if "r8" in c else c["r9"])

    best = {"x1": 0, "x2": 0, "x4": 0.0, "r8": 0.0}
    return Function("jenatton", space, _each(value), minimum=0.1, best=best)


def recipe() -> Function:
    """Like a network's recipe: the best rate depends on the optimizer's kind."""
    space = Space(
        {
            "learning_rate": Float(1e-5, 1.0, log=True),
            "optimizer": Choice(["sgd", "adam", "lion"]),
            "momentum": Float(0, 1).when("optimizer", ["sgd"]),
            "width": Ordinal([16, 32, 64, 128, 256]),
            "depth": Int(1, 6),
            "dropout": Choice([False, True]),
            "rate": Float(0, 0.8).when("dropout", [True]),
        }
    )
    centre = {"sgd": -1.0, "adam": -2.5, "lion": -3.5}
    worth = {"sgd": 0.3, "adam": 0.0, "lion": 0.2}

    def value(c: Config) -> float:
        rate = math.log10(c["learning_rate"])
        loss = (rate - centre[c["optimizer"]]) ** 2 + worth[c["optimizer"]]
        if c["optimizer"] == "sgd":
            loss += 4 * (c["momentum"] - 0.9) ** 2 - 0.25
        loss += 0.1 * (math.log2(c["width"]) - 6) ** 2
        loss += 0.1 * (c["depth"] - 3) ** 2
        if c["dropout"]:
            loss += (c["rate"] - 0.2) ** 2 - 0.1
        return loss

    best = {"learning_rate": 10**-2.5, "optimizer": "adam", "width": 64, "depth": 3}
    best |= {"dropout": True, "rate": 0.2}
    return Function("recipe", space, _each(value), minimum=-0.1, best=best)


def _each(value: Callable[[Config], float]) -> Formula:
    def formula(configs: list[Config]) -> Float64[np.ndarray, " n"]:
        return np.array([value(c) for c in configs], np.float64)

    return formula
