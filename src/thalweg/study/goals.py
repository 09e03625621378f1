"""What a study minimises or maximises, and what must hold besides."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from thalweg.core.errors import InvalidInput, unknown_name

DIRECTIONS = {"minimize": 1.0, "maximize": -1.0}


@dataclass(frozen=True)
class Goals:
    """Names of values that an evaluation gives. `losses` are what is minimised."""

    objectives: Mapping[str, str]  # name -> "minimize" or "maximize"
    constraints: tuple[str, ...] = ()  # feasible where all are <= 0

    @staticmethod
    def of(objectives: Any, constraints: Any) -> "Goals":
        """From a name, names, or `{name: direction}`; by default the "loss"."""
        if objectives is None:
            objectives = {"loss": "minimize"}
        elif isinstance(objectives, str):
            objectives = {objectives: "minimize"}
        elif not isinstance(objectives, Mapping):
            objectives = dict.fromkeys(_names("objectives", objectives), "minimize")
        constraints = [constraints] if isinstance(constraints, str) else constraints
        goals = Goals(dict(objectives), tuple(_names("constraints", constraints)))
        goals._check()
        return goals

    def _check(self) -> None:
        for name, direction in self.objectives.items():
            if name in DIRECTIONS or direction not in DIRECTIONS:
                raise InvalidInput(
                    "`objectives` maps names to 'minimize' or 'maximize', but got "
                    f"{name!r}: {direction!r}. Write for example "
                    "`objectives={'loss': 'minimize', 'accuracy': 'maximize'}`."
                )
        names = [*self.objectives, *self.constraints]
        if not self.objectives or len(set(names)) < len(names):
            raise InvalidInput(
                "A study needs at least one objective, and different names for "
                f"objectives and constraints, but got {names}."
            )

    @property
    def names(self) -> list[str]:
        """Objectives, then constraints."""
        return [*self.objectives, *self.constraints]

    def read(self, told: Any) -> dict[str, float]:
        """A number, a tuple, or a dict by name, as a dict of floats.

        A dict may hold further values, which are kept beside.
        """
        if not isinstance(told, Mapping):
            told = self._named(told)
        for name in self.names:
            if name not in told:
                raise InvalidInput(
                    f"Each evaluation must give {name!r}, but got {dict(told)!r}. "
                    f"{unknown_name('value', name, map(str, told))}"
                )
        return {str(name): _number(value) for name, value in told.items()}

    def _named(self, told: Any) -> dict[str, Any]:
        if self.constraints:
            raise InvalidInput(
                "With constraints an evaluation gives its values by name, but got "
                f"{told!r}. Use {{{', '.join(f'{n!r}: ...' for n in self.names)}}}."
            )
        several = len(self.objectives) > 1
        if several and isinstance(told, Iterable) and not isinstance(told, str):
            parts = list(told)
            if len(parts) != len(self.objectives):
                raise InvalidInput(
                    f"An evaluation must give {len(self.objectives)} losses "
                    f"({', '.join(self.objectives)}), but got {told!r}."
                )
            return dict(zip(self.objectives, parts, strict=True))
        if several and not _is_nan(told):
            raise InvalidInput(
                f"An evaluation must give {len(self.objectives)} losses, a tuple or a "
                f"dict with {', '.join(self.objectives)}, but got {told!r}."
            )
        return dict.fromkeys(self.objectives, told)

    def nothing(self) -> dict[str, float]:
        """The values of an evaluation that failed."""
        return dict.fromkeys(self.names, math.nan)

    def losses(self, values: Mapping[str, float]) -> tuple[float, ...]:
        """What is minimised; NaN where a value is missing."""
        return tuple(
            DIRECTIONS[direction] * values.get(name, math.nan)
            for name, direction in self.objectives.items()
        )

    def bounds(self, values: Mapping[str, float]) -> tuple[float, ...]:
        """The constraints' values; NaN where one is missing."""
        return tuple(values.get(name, math.nan) for name in self.constraints)

    def status(self, values: Mapping[str, float]) -> str:
        """ "complete", "infeasible" or "diverged", by the values alone."""
        if not np.isfinite(self.losses(values)).all():
            return "diverged"
        feasible = all(value <= 0 for value in self.bounds(values))
        return "complete" if feasible else "infeasible"

    def reference(self, point: Any) -> np.ndarray:
        """A point in the objectives' own units, as losses."""
        return np.array(
            Goals(self.objectives).losses(Goals(self.objectives).read(point))
        )


def _names(what: str, given: Any) -> list[str]:
    names = [] if given is None else list(given)
    if not all(isinstance(name, str) and name for name in names):
        raise InvalidInput(f"`{what}` must be names, but got {given!r}.")
    return names


def _number(value: Any) -> float:
    """`value` as a float; NaN is allowed, text and arrays are not."""
    try:
        return float(value)
    except (TypeError, ValueError):
        raise InvalidInput(
            f"A loss must be a number, but got {value!r}. For a trial that failed, "
            "tell NaN."
        ) from None


def _is_nan(value: Any) -> bool:
    return isinstance(value, float | np.floating) and math.isnan(value)
