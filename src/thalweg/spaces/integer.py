"""A whole number on a linear or a logarithmic scale."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float64, Int64

from thalweg.core.errors import InvalidInput
from thalweg.spaces.parameter import (
    AbstractDiscrete,
    Kind,
    equal_cells,
    equal_centres,
)
from thalweg.spaces.values import whole_number

LARGEST = 2**40  # beyond it a double no longer separates neighbours on a log scale


@dataclass(frozen=True, repr=False)
class Int(AbstractDiscrete):
    """The whole numbers from `low` to `high`, both included.

    `log=True` for what acts by its ratio (widths, numbers of trees); needs `low >= 1`.
    The cell of k then reaches from k - 1/2 to k + 1/2 on the logarithmic scale.
    """

    kind: ClassVar[Kind] = "numeric"
    low: int
    high: int
    log: bool = False

    def __post_init__(self) -> None:
        for name in ("low", "high"):
            object.__setattr__(self, name, whole_number(name, getattr(self, name)))
        if not self.low <= self.high:
            raise InvalidInput(
                f"`low <= high` must hold, but got low={self.low}, high={self.high}."
            )
        if self.log and self.low < 1:
            raise InvalidInput(
                f"`log=True` needs `low >= 1`, but got low={self.low}. "
                "Use `low=1`, or `log=False`."
            )
        if max(-self.low, self.high) > LARGEST:
            raise InvalidInput(
                f"The bounds must lie within ±2**40, but got low={self.low}, "
                f"high={self.high}. Use `Float` and round."
            )
        self._check_prior()

    @property
    def levels(self) -> int:
        """How many whole numbers there are."""
        return self.high - self.low + 1

    def index(self, u: Float64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
        """The value's distance from `low`."""
        if not self.log:
            return equal_cells(u, self.levels)
        low, high = np.log(self.low - 0.5), np.log(self.high + 0.5)
        value = np.rint(np.exp(low + u * (high - low)))
        return np.clip(value - self.low, 0, self.levels - 1).astype(np.int64)

    def centre(self, index: Int64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
        """The middle of a value's cell."""
        if not self.log:
            return equal_centres(index, self.levels)
        low, high = np.log(self.low - 0.5), np.log(self.high + 0.5)
        value = index + self.low
        return (0.5 * (np.log(value - 0.5) + np.log(value + 0.5)) - low) / (high - low)

    def values_at(self, index: Int64[np.ndarray, " n"]) -> list[int]:
        """The whole numbers, as Python's `int`."""
        return (index + self.low).tolist()

    def find(self, value: Any) -> int:
        """The distance of `value` from `low`. 3.0 counts as 3."""
        number = whole_number("value", value)
        if not self.low <= number <= self.high:
            raise InvalidInput(f"{self!r} holds no {value!r}.")
        return number - self.low
