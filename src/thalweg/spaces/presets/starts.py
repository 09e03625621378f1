"""Configurations to begin with, fitted into a space."""

from collections.abc import Iterable
from typing import Any

from thalweg.core.typing import Config
from thalweg.spaces.listed import Choice, Constant, Ordinal
from thalweg.spaces.space import Space


def fitted(space: Space, starts: Iterable[Config]) -> list[Config]:
    """Each with all parameters of the space, at values that they can have; no twins."""
    names = space.parameters
    found: list[Config] = []
    for start in starts:
        config = {name: _nearest(names[name], start.get(name)) for name in names}
        if config not in found:
            found.append(config)
    return found


def _nearest(parameter: Any, wanted: Any) -> Any:
    """`wanted` if the parameter can be it, else the nearest or the first it can be."""
    if isinstance(parameter, Constant):
        return parameter.value
    if isinstance(parameter, Choice | Ordinal):
        return wanted if wanted in parameter.values else parameter.values[0]
    return min(max(wanted, parameter.low), parameter.high)
