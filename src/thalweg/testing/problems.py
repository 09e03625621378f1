"""Cheap functions with known minima, for holding search algorithms against each other.

Branin and Hartmann-6: Surjanovic & Bingham, "Virtual Library of Simulation
Experiments", https://www.sfu.ca/~ssurjano/optimization.html
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from thalweg.core.typing import Config
from thalweg.spaces import Choice, Float, Int, Ordinal, Space


@dataclass(frozen=True)
class Synthetic:
    """A space, a loss on its configurations, and the loss's minimum."""

    name: str
    space: Space
    loss: Callable[[Config], float]
    minimum: float
    best: Config  # where the minimum is


def _branin(c: Config) -> float:
    x, y = c["x"], c["y"]
    a = y - 5.1 * x**2 / (4 * math.pi**2) + 5 * x / math.pi - 6
    return a**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10


BRANIN = Synthetic(
    "branin",
    Space({"x": Float(-5, 10), "y": Float(0, 15)}),
    _branin,
    minimum=0.397887,
    best={"x": math.pi, "y": 2.275},
)

_ALPHA = np.array([1.0, 1.2, 3.0, 3.2])
_A = np.array(
    [
        [10, 3, 17, 3.5, 1.7, 8],
        [0.05, 10, 17, 0.1, 8, 14],
        [3, 3.5, 1.7, 10, 17, 8],
        [17, 8, 0.05, 10, 0.1, 14],
    ]
)
_P = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)


def _hartmann6(c: Config) -> float:
    x = np.array([c[f"x{i}"] for i in range(6)])
    return -float(_ALPHA @ np.exp(-np.sum(_A * (x - _P) ** 2, axis=1)))


HARTMANN6 = Synthetic(
    "hartmann6",
    Space({f"x{i}": Float(0, 1) for i in range(6)}),
    _hartmann6,
    minimum=-3.32237,
    best={
        f"x{i}": v
        for i, v in enumerate([0.20169, 0.150011, 0.476874, 0.275332, 0.311652, 0.6573])
    },
)


def _recipe(c: Config) -> float:
    """Like a network's recipe: the best rate depends on the optimizer's kind."""
    rate = math.log10(c["learning_rate"])
    centre = {"sgd": -1.0, "adam": -2.5, "lion": -3.5}[c["optimizer"]]
    loss = (rate - centre) ** 2 + {"sgd": 0.3, "adam": 0.0, "lion": 0.2}[c["optimizer"]]
    if c["optimizer"] == "sgd":
        loss += 4 * (c["momentum"] - 0.9) ** 2 - 0.25
    loss += 0.1 * (math.log2(c["width"]) - 6) ** 2
    loss += 0.1 * (c["depth"] - 3) ** 2
    if c["dropout"]:
        loss += (c["rate"] - 0.2) ** 2 - 0.1
    return loss


RECIPE = Synthetic(
    "recipe",
    Space(
        {
            "learning_rate": Float(1e-5, 1.0, log=True),
            "optimizer": Choice(["sgd", "adam", "lion"]),
            "momentum": Float(0, 1).when("optimizer", ["sgd"]),
            "width": Ordinal([16, 32, 64, 128, 256]),
            "depth": Int(1, 6),
            "dropout": Choice([False, True]),
            "rate": Float(0, 0.8).when("dropout", [True]),
        }
    ),
    _recipe,
    minimum=-0.1,
    best={
        "learning_rate": 10**-2.5,
        "optimizer": "adam",
        "width": 64,
        "depth": 3,
        "dropout": True,
        "rate": 0.2,
    },
)

SYNTHETIC = (BRANIN, HARTMANN6, RECIPE)
