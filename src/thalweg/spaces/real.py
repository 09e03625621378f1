"""A real hyper-parameter on a linear or a logarithmic scale."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float64

from thalweg.core.errors import InvalidInput
from thalweg.spaces.parameter import (
    AbstractParameter,
    Kind,
    equal_cells,
    equal_centres,
)
from thalweg.spaces.values import finite_number

# Digits that decoded values keep: fewer than a double has, so that they round-trip.
LOG_DIGITS = 10  # of the value, on a logarithmic scale
WIDTH_DIGITS = 12  # of `high - low`, on a linear scale
BOUND_DIGITS = 14  # and no more than these of the larger bound


@dataclass(frozen=True, repr=False)
class Float(AbstractParameter):
    """The interval `[low, high]`, both ends included.

    `log=True` for what acts by its ratio (learning rates, penalties); needs `low > 0`.
    `step` restricts to `low, low + step, …`; not together with `log`.

    Values are rounded to ten significant digits with `log`, else to twelve of the
    interval's width, which makes `decode(encode(v)) == v` exact.
    """

    kind: ClassVar[Kind] = "numeric"
    low: int | float
    high: int | float
    log: bool = False
    step: int | float | None = None

    def __post_init__(self) -> None:
        for name in ("low", "high"):
            value = float(finite_number(name, getattr(self, name)))
            object.__setattr__(self, name, value)
        if not self.low < self.high:
            raise InvalidInput(
                f"`low < high` must hold, but got low={self.low}, high={self.high}. "
                "For a single value use `Constant`."
            )
        if not math.isfinite(self.high - self.low):
            raise InvalidInput(
                f"`high - low` must be finite, but got [{self.low}, {self.high}]."
            )
        if self.log and self.low <= 0:
            raise InvalidInput(
                f"`log=True` needs `low > 0`, but got low={self.low}. "
                "Use a small positive `low`, or `log=False`."
            )
        if self.step is not None:
            self._check_step(float(finite_number("step", self.step)))
        self._check_prior()

    def _check_step(self, step: float) -> None:
        object.__setattr__(self, "step", step)
        if self.log:
            raise InvalidInput(
                "`step` and `log=True` exclude each other, but got both. "
                "List the values with `Ordinal`."
            )
        if not 0 < step <= self.high - self.low:
            raise InvalidInput(
                f"`0 < step <= high - low` must hold, but got step={step} for "
                f"[{self.low}, {self.high}]."
            )

    @property
    def levels(self) -> int | None:
        """The number of steps and ends; None without `step`."""
        if self.step is None:
            return None
        return math.floor((self.high - self.low) / self.step + 1e-9) + 1

    def decode(self, u: Float64[np.ndarray, " n"]) -> list[float]:
        """The values at `u`."""
        if self.step is not None and self.levels is not None:
            value = self.low + equal_cells(u, self.levels) * self.step
        else:
            low, high = self._scale(self.low), self._scale(self.high)
            value = low + u * (high - low)
            value = np.exp(value) if self.log else value
        return [self._tidy(v) for v in value.tolist()]

    def encode(self, values: Sequence[Any]) -> Float64[np.ndarray, " n"]:
        """Where the values lie between `low` and `high`."""
        value = np.array([self.validate(v) for v in values], np.float64)
        if self.step is not None and self.levels is not None:
            index = np.rint((value - self.low) / self.step).astype(np.int64)
            return equal_centres(index, self.levels)
        low, high = self._scale(self.low), self._scale(self.high)
        value = np.log(value) if self.log else value
        return np.clip((value - low) / (high - low), 0.0, 1.0)

    def canonical(self, u: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
        """`u` itself, or the centre of its step's cell."""
        levels = self.levels
        return u if levels is None else equal_centres(equal_cells(u, levels), levels)

    def validate(self, value: Any) -> float:
        """`value` as a Python float. Raises `InvalidInput` if it is out of range."""
        value = float(finite_number("value", value))
        if not self.low <= value <= self.high:
            raise InvalidInput(f"{self!r} holds no {value!r}.")
        if self.step is not None:
            steps = (value - self.low) / self.step
            if abs(steps - round(steps)) > 1e-6:
                raise InvalidInput(f"{self!r} holds no {value!r}: it is between steps.")
        return value

    def _scale(self, value: float) -> float:
        return math.log(value) if self.log else value

    def _tidy(self, value: float) -> float:
        if self.log:
            value = float(f"{value:.{LOG_DIGITS}g}")
        else:
            bound = math.floor(math.log10(max(abs(self.low), abs(self.high))))
            width = math.floor(math.log10(self.high - self.low))
            value = round(value, min(WIDTH_DIGITS - width, BOUND_DIGITS - bound) - 1)
        return min(max(value, self.low), self.high)
