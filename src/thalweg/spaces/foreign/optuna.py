"""Optuna's distributions: `{"lr": FloatDistribution(1e-5, 1e-1, log=True), ...}`.

Optuna's spaces are written while the function runs, so that conditions are not in them:
a parameter that some trials lack is best given its condition here (`.when`).
"""

from typing import Any

from thalweg.spaces.foreign.ranges import listed, real, whole
from thalweg.spaces.parameter import AbstractParameter

KINDS = {"FloatDistribution", "IntDistribution", "CategoricalDistribution"}


def knows(value: Any) -> bool:
    """Whether this is a distribution."""
    return type(value).__name__ in KINDS


def parameter(name: str, value: Any) -> AbstractParameter:
    """The parameter with that distribution's values."""
    kind = type(value).__name__
    if kind == "CategoricalDistribution":
        return listed(name, value.choices, ordered=False)
    if kind == "IntDistribution":
        return whole(value.low, value.high, log=value.log, step=value.step)
    return real(value.low, value.high, log=value.log, step=value.step)
