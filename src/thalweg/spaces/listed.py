"""Parameters whose values are listed: ordered, unordered, or a single one."""

from collections.abc import Iterable, Sequence
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
from thalweg.spaces.values import key, plain


@dataclass(frozen=True, repr=False)
class AbstractListed(AbstractDiscrete):
    """A list of values: numbers, strings, booleans, None, or tuples of those.

    A list among the values is kept as a tuple. Other objects have no JSON form: use
    names and look the objects up in your own function.
    """

    values: Sequence[Any]  # kept as a tuple

    def __post_init__(self) -> None:
        name = type(self).__name__
        if isinstance(self.values, str) or not isinstance(self.values, Iterable):
            raise InvalidInput(f"{name} needs a list of values, got {self.values!r}.")
        values = tuple(plain(v) for v in self.values)
        if not values:
            raise InvalidInput(f"{name} needs at least one value, but got none.")
        keys = [key(v) for v in values]
        for place, value in enumerate(values):
            if keys[place] in keys[:place]:
                raise InvalidInput(
                    f"The values of {name} must differ, but got {value!r} twice."
                )
        object.__setattr__(self, "values", values)
        self._check_prior()

    @property
    def levels(self) -> int:
        """How many values are listed."""
        return len(self.values)

    def index(self, u: Float64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
        """The place in the list."""
        return equal_cells(u, len(self.values))

    def centre(self, index: Int64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
        """The middle of the cell: all cells are of one width."""
        return equal_centres(index, len(self.values))

    def values_at(self, index: Int64[np.ndarray, " n"]) -> list[Any]:
        """The values, as they were listed."""
        return [self.values[i] for i in index.tolist()]

    def find(self, value: Any) -> int:
        """The place of `value` in the list; 1 and 1.0 are one value, 1 and True two."""
        wanted = key(plain(value))
        for place, listed in enumerate(self.values):
            if key(listed) == wanted:
                return place
        raise InvalidInput(f"{self!r} holds no {value!r}.")


@dataclass(frozen=True, repr=False)
class Ordinal(AbstractListed):
    """Values in an order that matters: `Ordinal([16, 32, 64, 128])`, sizes S to XL.

    Neighbours in the list are taken to be alike, whatever the distance between them.
    """

    kind: ClassVar[Kind] = "ordinal"


@dataclass(frozen=True, repr=False)
class Choice(AbstractListed):
    """Values without an order: `Choice(["sgd", "adam", "adamw"])`."""

    kind: ClassVar[Kind] = "choice"


@dataclass(frozen=True, repr=False)
class Constant(AbstractDiscrete):
    """One value: part of every configuration, and no dimension of the unit cube."""

    kind: ClassVar[Kind] = "choice"
    value: Any

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", plain(self.value))
        self._check_prior()

    @property
    def levels(self) -> int:
        """One."""
        return 1

    def index(self, u: Float64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
        """Zeros."""
        return np.zeros(len(u), np.int64)

    def centre(self, index: Int64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
        """Halves."""
        return np.full(len(index), 0.5)

    def values_at(self, index: Int64[np.ndarray, " n"]) -> list[Any]:
        """The value, again and again."""
        return [self.value] * len(index)

    def find(self, value: Any) -> int:
        """Zero, or an error if `value` is another."""
        if key(plain(value)) != key(self.value):
            raise InvalidInput(f"{self!r} holds no {value!r}.")
        return 0
