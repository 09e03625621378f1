"""The levels of a categorical column and the codes that stand for them.

Code 0 is whatever the training rows can't tell anything about: a level never seen, a
rare one, and a missing cell if none was missing in training. Since rare levels train
it, a level that is new at prediction is treated as the rare ones were.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int

from thalweg.data import values

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Levels:
    """Level `names[i]` has the code `i + 1`; the most frequent level comes first."""

    names: tuple[str, ...]
    missing: bool  # missing cells have the last code, rather than 0

    @property
    def cardinality(self) -> int:
        """The number of codes, 0 included."""
        return 1 + len(self.names) + self.missing

    @staticmethod
    def fit(
        series: "pd.Series",
        rows: Int[np.ndarray, "m"],
        *,
        min_count: int,
        max_levels: int,
    ) -> "Levels":
        """The levels with `min_count` training rows or more, at most `max_levels`."""
        codes, names = values.level_codes(series)
        codes = codes[rows]
        counts = np.bincount(codes[codes >= 0], minlength=len(names))
        frequent = [i for i in np.flatnonzero(counts >= min_count)]
        frequent.sort(key=lambda i: (-counts[i], names[i]))
        missing = np.count_nonzero(codes < 0) >= min_count
        return Levels(tuple(names[i] for i in frequent[:max_levels]), bool(missing))

    def encode(self, series: "pd.Series") -> Int[np.ndarray, "n"]:
        """Each cell's code."""
        codes, names = values.level_codes(series)
        known = {name: i + 1 for i, name in enumerate(self.names)}
        table = [known.get(name, 0) for name in names]
        table.append(self.cardinality - 1 if self.missing else 0)
        return np.array(table, dtype=np.int32)[codes]

    def to_json(self) -> dict[str, Any]:
        return {"names": list(self.names), "missing": self.missing}

    @staticmethod
    def from_json(record: dict[str, Any]) -> "Levels":
        return Levels(tuple(record["names"]), record["missing"])
