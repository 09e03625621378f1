"""From a table to the arrays that networks read, fitted on the training rows only.

Numbers: the missing ones take the median, scaled by one of `SCALERS`, followed by one
column per distinct pattern of missing cells. Dates are numbers by their parts. Booleans
are ±1 and 0 where missing. Categories are codes (see `levels`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int

from thalweg.core.errors import InvalidInput
from thalweg.data import values
from thalweg.data.column import HUGE, Column
from thalweg.data.dates import date_part
from thalweg.data.frames import column_of
from thalweg.data.levels import Levels
from thalweg.data.quantiles import SortedColumns
from thalweg.data.scalers import SCALERS, AbstractScaler
from thalweg.data.schema import Schema

if TYPE_CHECKING:
    import pandas as pd

_TINY = 1e-150  # numbers below count as 0: the inverse of their spread could overflow
_GRID = 128  # steps of the quantile grid that `bins` reads


@dataclass(frozen=True, eq=False)
class Preprocessor:
    """A fitted preprocessor; `fit` builds it, nothing changes it.

    The numeric output has `scaled` columns (numbers and parts of dates), then booleans,
    then missing-value indicators, named by `numeric_names`.
    """

    schema: Schema
    scaler_name: str
    scaler: AbstractScaler
    median: Float[np.ndarray, "d"]  # of the scaled columns, in the table's unit
    low: Float[np.ndarray, "d"]  # what numbers beyond ±1e30 are clipped to
    high: Float[np.ndarray, "d"]
    indicators: Int[
        np.ndarray, "k"
    ]  # scaled or boolean columns that stand for a pattern
    grid: Float[
        np.ndarray, "dn g"
    ]  # quantiles of the numeric output, missing cells left out
    levels: tuple[Levels, ...]

    @staticmethod
    def fit(
        frame: Any,
        schema: Schema,
        rows: Any = None,
        *,
        scaler: str = "robust",
        min_count: int = 3,
        max_levels: int = 512,
    ) -> "Preprocessor":
        """Fit on the training `rows` (positions or a mask; `None` means all).

        `min_count` is the number of training rows below which a level is folded into
        code 0 and missing cells get no indicator; `max_levels` caps the levels of a
        column.
        """
        make = SCALERS[scaler]
        frame, _ = schema.align(frame)
        picked = _positions(rows, len(frame))
        raw, truth = _read(frame, schema)
        raw, truth = raw[picked], truth[picked]
        low, high = _ordinary_range(raw)
        columns = SortedColumns.of(_clip_huge(raw, low, high))
        fitted = make.fit(columns)
        mask = np.isnan(np.concatenate([raw, truth], axis=1))
        indicators = _patterns(mask, min_count)
        share = np.linspace(0, 1, _GRID + 1)
        grids = [
            fitted(columns.quantile(share).T).T,
            SortedColumns.of(truth).quantile(share),
            SortedColumns.of(mask[:, indicators].astype(float)).quantile(share),
        ]
        return Preprocessor(
            schema=schema,
            scaler_name=scaler,
            scaler=fitted,
            median=columns.quantile(np.array([0.5]))[:, 0],
            low=low,
            high=high,
            indicators=indicators,
            grid=np.concatenate(grids).astype(np.float32),
            levels=tuple(
                Levels.fit(
                    column_of(frame, column.name),
                    picked,
                    min_count=min_count,
                    max_levels=max_levels,
                )
                for column in schema.of_kind("categorical")
            ),
        )

    def transform(self, X: Any) -> dict[str, np.ndarray]:
        """`{"numeric": float32 [n, dn], "categorical": int32 [n, dc]}` of a table."""
        return self.transform_stated(X)[0]

    def transform_stated(
        self, X: Any, *, owner: str = "the model"
    ) -> tuple[dict[str, np.ndarray], list[str]]:
        """As `transform`, and what was repaired or ignored in `X`, in sentences."""
        frame, notes = self.schema.align(X, owner=owner)
        raw, truth = _read(frame, self.schema)
        missing = np.isnan(np.concatenate([raw, truth], axis=1))
        filled = np.where(missing[:, : raw.shape[1]], self.median, raw)
        scaled = self.scaler(_clip_huge(filled, self.low, self.high))
        parts = [scaled, np.nan_to_num(truth), missing[:, self.indicators]]
        numeric = np.concatenate(parts, axis=1, dtype=np.float32, casting="unsafe")
        categorical = np.zeros((len(frame), len(self.levels)), np.int32)
        for i, column in enumerate(self.schema.of_kind("categorical")):
            categorical[:, i] = self.levels[i].encode(column_of(frame, column.name))
        return {"numeric": numeric, "categorical": categorical}, notes

    def bins(self, q: int) -> Float[np.ndarray, "dn q+1"]:
        """Edges of `q` (1 to 128) bins that hold equally many training rows each.

        Missing cells are left out; edges may repeat. Exact where `q` divides 128,
        interpolated between the nearest quantiles elsewhere.
        """
        if not 1 <= q <= _GRID:
            raise InvalidInput(f"`q` must be from 1 to {_GRID} bins, but got {q}.")
        position = np.linspace(0, _GRID, q + 1)
        low = np.floor(position).astype(int)
        high = np.minimum(low + 1, _GRID)
        weight = (position - low).astype(np.float32)
        below, above = self.grid[:, low], self.grid[:, high]
        return below + weight * (above - below)

    @property
    def numeric(self) -> int:
        """The number of numeric outputs."""
        return len(self.grid)

    @property
    def cardinalities(self) -> tuple[int, ...]:
        """The number of codes of each categorical output, 0 included."""
        return tuple(levels.cardinality for levels in self.levels)

    @property
    def numeric_names(self) -> tuple[str, ...]:
        """What each numeric output is: `age`, `sold.year`, `age is missing`."""
        names, sources = _names(self.schema)
        return (*names, *(f"{sources[i]} is missing" for i in self.indicators))

    @property
    def categorical_names(self) -> tuple[str, ...]:
        """The column behind each categorical output."""
        return tuple(column.name for column in self.schema.of_kind("categorical"))

    def to_state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """A dict for JSON and a dict of arrays, from which `from_state` restores it."""
        record = {
            "schema": self.schema.to_json(),
            "scaler": self.scaler_name,
            "levels": [levels.to_json() for levels in self.levels],
        }
        scaler = {f"scaler.{k}": v for k, v in self.scaler.to_arrays().items()}
        own = {name: getattr(self, name) for name in _ARRAYS}
        return record, {**own, **scaler}

    @staticmethod
    def from_state(
        record: dict[str, Any], arrays: Mapping[str, np.ndarray]
    ) -> "Preprocessor":
        prefix = "scaler."
        scaler = {
            k[len(prefix) :]: v for k, v in arrays.items() if k.startswith(prefix)
        }
        return Preprocessor(
            schema=Schema.from_json(record["schema"]),
            scaler_name=record["scaler"],
            scaler=SCALERS[record["scaler"]](**scaler),
            levels=tuple(Levels.from_json(levels) for levels in record["levels"]),
            **{name: arrays[name] for name in _ARRAYS},
        )


_ARRAYS = ("median", "low", "high", "indicators", "grid")


def _positions(rows: Any, n: int) -> Int[np.ndarray, "m"]:
    if rows is None:
        return np.arange(n)
    rows = np.asarray(rows)
    picked = np.flatnonzero(rows) if rows.dtype == bool else rows.astype(np.int64)
    if len(picked) == 0:
        raise InvalidInput(
            "`rows` must name at least one training row, but it is empty."
        )
    return picked


def _names(schema: Schema) -> tuple[list[str], list[str]]:
    """The names of the scaled and boolean outputs, and the column behind each."""
    names, sources = [], []
    for column in schema.of_kind("numeric", "date"):
        parts = column.parts or ("",)
        names += [f"{column.name}.{part}" if part else column.name for part in parts]
        sources += [column.name] * len(parts)
    booleans = [column.name for column in schema.of_kind("boolean")]
    return names + booleans, sources + booleans


def _read(
    frame: "pd.DataFrame", schema: Schema
) -> tuple[Float[np.ndarray, "n ds"], Float[np.ndarray, "n db"]]:
    """Numbers and date parts as they are, booleans as ±1; NaN where missing."""
    columns = schema.of_kind("numeric", "date")
    dtypes = dict(zip(frame.columns, frame.dtypes, strict=True))
    places = np.cumsum([0, *(len(column.parts) or 1 for column in columns)])
    raw = np.empty((len(frame), int(places[-1])))
    plain: list[int] = []
    for i, column in enumerate(columns):
        if column.kind == "numeric" and values.is_plain(dtypes[column.name]):
            plain.append(i)
        else:
            raw[:, places[i] : places[i + 1]] = _parsed(
                column_of(frame, column.name), column
            )
    if plain:
        raw[:, places[plain]] = values.matrix(frame, [columns[i].name for i in plain])
    truths = [
        2 * values.booleans(column_of(frame, column.name)) - 1
        for column in schema.of_kind("boolean")
    ]
    truth = np.stack(truths, axis=1) if truths else np.empty((len(frame), 0))
    raw[np.abs(raw) < _TINY] = 0.0
    return raw, truth


def _parsed(series: "pd.Series", column: Column) -> Float[np.ndarray, "n k"]:
    if column.kind == "date":
        dates = values.dates(series, column.order)
        return np.stack([date_part(dates, part) for part in column.parts], axis=1)
    x = values.numbers(series, column.decimal)
    return np.where(np.isinf(x), np.nan, x)[:, None]


def _ordinary_range(
    raw: Float[np.ndarray, "n d"],
) -> tuple[Float[np.ndarray, "d"], Float[np.ndarray, "d"]]:
    """The least and the largest number within ±1e30, of each column."""
    ordinary = np.abs(raw) <= HUGE  # False for NaN
    low = np.where(ordinary, raw, np.inf).min(axis=0, initial=np.inf)
    high = np.where(ordinary, raw, -np.inf).max(axis=0, initial=-np.inf)
    none = low > high
    return np.where(none, -HUGE, low), np.where(none, HUGE, high)


def _clip_huge(
    x: Float[np.ndarray, "n d"],
    low: Float[np.ndarray, "d"],
    high: Float[np.ndarray, "d"],
) -> Float[np.ndarray, "n d"]:
    huge = np.abs(x) > HUGE
    return np.where(huge, np.clip(x, low, high), x) if huge.any() else x


def _patterns(mask: Any, min_count: int) -> Int[np.ndarray, "k"]:
    """The columns whose pattern of missing cells is no other column's before them.

    Patterns of fewer than `min_count` rows, or all but as few, teach nothing.
    """
    count = np.count_nonzero(mask, axis=0)
    some = np.flatnonzero((count >= min_count) & (len(mask) - count >= min_count))
    packed = np.packbits(mask[:, some], axis=0)
    first = {packed[:, j].tobytes(): i for j, i in reversed([*enumerate(some)])}
    return np.array(sorted(first.values()), dtype=np.int64)
