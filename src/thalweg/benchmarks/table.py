"""Benchmarks that were measured beforehand, one row per configuration."""

from collections.abc import Mapping
from typing import Any, final

import numpy as np
from jaxtyping import Float64, Int64

from thalweg.benchmarks.base import (
    AbstractBenchmark,
    Budget,
    Measurement,
    Rows,
    Seed,
)
from thalweg.core.errors import InvalidInput
from thalweg.core.typing import Config
from thalweg.spaces import Space
from thalweg.spaces.parameter import AbstractDiscrete


class AbstractTable(AbstractBenchmark):
    """Losses of (nearly) all configurations of a finite space, in rows `0 … len - 1`.

    **index**: the position of each row's values in the lists of the space's dimensions,
    `[rows, d]`. **losses**: for each recorded fraction of a full training, `[rows]`,
    or `[rows, repeats]` with NaN where a repeat is missing. **seconds**: the training
    times alike; each is for all of the training up to that fraction. **log**: the loss
    is the logarithm of (the mean of) what the table holds.
    """

    def __init__(
        self,
        name: str,
        space: Space,
        index: Any,
        losses: Mapping[float, Any],
        *,
        seconds: Mapping[float, Any] | None = None,
        log: bool = False,
    ):
        self.name = name
        self.space = space
        self.fidelities = tuple(sorted(losses))
        self._shape = _levels(space)
        self._index = np.asarray(index)
        self._losses = {b: _repeats(losses[b]) for b in self.fidelities}
        self._seconds = {b: _repeats(v) for b, v in (seconds or {}).items()}
        self._codes, self._order = _sorted(self._index, self._shape)
        self.noisy = any(v.shape[1] > 1 for v in self._losses.values())
        full = self._losses[self.fidelities[-1]]
        self._log = log
        self._means = self._scaled(_mean(full))
        if self.fidelities[-1] != 1 or len(full) != len(self._index):
            raise InvalidInput(
                "A table needs losses of full trainings (fraction 1.0), one per row, "
                f"but got fractions {self.fidelities} and {len(full)} losses of "
                f"{len(self._index)} rows."
            )

    @property
    def minimum(self) -> float:
        """The lowest mean of a row's repeats after a full training."""
        return float(np.nanmin(self._means))

    @property
    def best(self) -> Config:
        """The configuration of the lowest loss."""
        return self.config(int(np.nanargmin(self._means)))

    def __len__(self) -> int:
        return len(self._index)

    def config(self, row: int) -> Config:
        """The configuration of a row of the table."""
        return self.space.decode(self.cube(np.array([row])))[0]

    def cube(self, rows: Int64[np.ndarray, " n"]) -> Float64[np.ndarray, "n d"]:
        """Rows of the table as rows of the unit cube."""
        digits = self._index[rows].astype(np.int64)
        columns = [self.space.centres(j, digits[:, j]) for j in range(self.space.dim)]
        return np.stack(columns, axis=1)

    def rows(self, rows: Rows) -> Int64[np.ndarray, " n"]:
        """Which rows of the table configurations are; -1: the table has none."""
        x = self._cube(rows)
        if self.space.normal_form is not None:
            x = self.space.canonical(x)
        wanted = np.ravel_multi_index(_digits(self.space, x), self._shape)
        near = np.searchsorted(self._codes, wanted)
        near = np.minimum(near, len(self._codes) - 1)
        return np.where(self._codes[near] == wanted, self._order[near], -1)

    def evaluate(
        self, rows: Rows, *, budget: Budget = 1.0, seed: Seed = None
    ) -> Measurement:
        """See `AbstractBenchmark`. A `seed` draws one of each row's repeats."""
        place = self.rows(rows)
        wanted = np.broadcast_to(np.asarray(budget, float), place.shape)
        level = np.searchsorted(self.fidelities, wanted * (1 + 1e-9), "right") - 1
        level = np.maximum(level, 0)  # nothing shorter was recorded
        lot = None if seed is None else np.random.default_rng(seed).random(len(place))
        losses = np.full(len(place), np.nan)
        seconds = np.full(len(place), np.nan)
        for number, fidelity in enumerate(self.fidelities):
            here = (level == number) & (place >= 0)
            chosen = None if lot is None else lot[here]
            losses[here] = _pick(self._losses[fidelity][place[here]], chosen)
            if fidelity in self._seconds:
                seconds[here] = _pick(self._seconds[fidelity][place[here]], chosen)
        losses = self._scaled(losses)
        return Measurement(losses[:, None], seconds, np.zeros((len(place), 0)))

    def population(self) -> Float64[np.ndarray, " n"]:
        """The mean losses after a full training, of all rows."""
        return self._means

    def _scaled(self, values: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
        return np.log(values) if self._log else values


@final
class Table(AbstractTable):
    """A table of your own; see `AbstractTable` for its arrays.

    space = tw.Space({"rate": tw.Ordinal([0.1, 0.01]), "depth": tw.Int(1, 2)})
    table = Table("mine", space, [[0, 0], [0, 1], [1, 0], [1, 1]],
                  {1.0: [0.4, 0.3, 0.2, 0.1]})
    """


def _levels(space: Space) -> tuple[int, ...]:
    for name in space.dimensions:
        if not isinstance(space.parameters[name], AbstractDiscrete):
            raise InvalidInput(
                f"A table needs parameters with a list of values, but {name!r} is "
                f"{space.parameters[name]!r}. Use Choice, Ordinal or Int."
            )
    return tuple(int(n or 0) for n in space.levels)


def _digits(space: Space, x: Float64[np.ndarray, "n d"]) -> tuple[np.ndarray, ...]:
    """The position of each coordinate in its dimension's list, per dimension."""
    found = []
    for j, name in enumerate(space.dimensions):
        parameter = space.parameters[name]
        assert isinstance(parameter, AbstractDiscrete)
        found.append(parameter.index(np.ascontiguousarray(x[:, j])))
    return tuple(found)


def _sorted(
    index: np.ndarray, shape: tuple[int, ...]
) -> tuple[Int64[np.ndarray, " rows"], Int64[np.ndarray, " rows"]]:
    """Combinations of values as ascending numbers, and the row of the table of each."""
    if index.ndim != 2 or index.shape[1] != len(shape):
        raise InvalidInput(
            f"A table of {len(shape)} dimensions needs an index of so many columns, "
            f"but got an array of shape {index.shape}."
        )
    if (index < 0).any() or (index >= np.array(shape)).any():
        raise InvalidInput(
            f"A table's index must lie within its parameters' lists, of {shape} "
            "values, but got a position outside."
        )
    flat = np.atleast_1d(np.ravel_multi_index(tuple(index.astype(np.int64).T), shape))
    order = np.argsort(flat, kind="stable")
    codes = flat[order]
    if (codes[1:] == codes[:-1]).any():
        raise InvalidInput(
            "A table needs one row per configuration, but some have several. Put "
            "repeats into columns of the losses."
        )
    return codes, order


def _repeats(values: Any) -> np.ndarray:
    """`[rows, repeats]`."""
    values = np.asarray(values)
    return values if values.ndim == 2 else values[:, None]


def _mean(values: np.ndarray) -> Float64[np.ndarray, " n"]:
    """The mean of the repeats that there are; NaN where there are none."""
    there = np.isfinite(values)
    count = there.sum(1)
    total = np.where(there, values, 0).sum(1, dtype=np.float64)
    return np.where(count, total / np.maximum(count, 1), np.nan)


def _pick(
    values: np.ndarray, lot: Float64[np.ndarray, " n"] | None
) -> Float64[np.ndarray, " n"]:
    """The mean of each row's repeats, or the one on which its lot falls."""
    if lot is None or values.shape[1] == 1:
        return _mean(values)
    there = np.isfinite(values)
    first = np.argsort(~there, axis=1, kind="stable")  # those that there are
    number = (lot * there.sum(1)).astype(np.int64)
    row = np.arange(len(values))
    return values[row, first[row, number]].astype(np.float64)
