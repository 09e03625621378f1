"""Cheap functions with known minima, for holding search algorithms against each other.

They are three of `thalweg.benchmarks.functions`, which has many more.
"""

from collections.abc import Callable
from dataclasses import dataclass

from thalweg.benchmarks.functions import Function, branin, hartmann6, recipe
from thalweg.core.typing import Config
from thalweg.spaces import Space


@dataclass(frozen=True)
class Synthetic:
    """A space, a loss on its configurations, and the loss's minimum."""

    name: str
    space: Space
    loss: Callable[[Config], float]
    minimum: float
    best: Config  # where the minimum is


def _synthetic(function: Function) -> Synthetic:
    assert function.best is not None
    return Synthetic(
        function.name, function.space, function, function.minimum, function.best
    )


BRANIN = _synthetic(branin())
HARTMANN6 = _synthetic(hartmann6())
RECIPE = _synthetic(recipe())
SYNTHETIC = (BRANIN, HARTMANN6, RECIPE)
