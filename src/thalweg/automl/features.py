"""A table's columns as each split's networks see them, in one layout for all splits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float

from thalweg.data import Preprocessor, Schema
from thalweg.evaluation import Splits
from thalweg.networks import Inputs


@dataclass(frozen=True, eq=False)
class Features:
    """One fitted preprocessor per split.

    Preprocessors see different training rows, so a column (an indicator of missing
    cells, a rare level) may exist in one split only. The layout holds the columns of
    all; where a split has none, it is 0.
    """

    preprocessors: tuple[Preprocessor, ...]

    @staticmethod
    def fit(frame: Any, schema: Schema, splits: Splits, **options: Any) -> "Features":
        """Fit on the training part of each split."""
        return Features(
            tuple(
                Preprocessor.fit(frame, schema, train, **options)
                for train in splits.train
            )
        )

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Numeric columns of the layout."""
        found: dict[str, None] = {}
        for preprocessor in self.preprocessors:
            found |= dict.fromkeys(preprocessor.numeric_names)
        return tuple(found)

    @cached_property
    def cardinalities(self) -> tuple[int, ...]:
        """Codes of each categorical column, the most of any split."""
        each = [p.cardinalities for p in self.preprocessors]
        return tuple(max(column) for column in zip(*each, strict=True))

    def transform(self, frame: Any) -> list[dict[str, np.ndarray]]:
        """Of each split `{"numeric": [n, dn], "categorical": [n, dc]}`."""
        return [self._laid_out(p, p.transform(frame)) for p in self.preprocessors]

    def transform_stated(
        self, frame: Any, *, owner: str = "the model"
    ) -> tuple[list[dict[str, np.ndarray]], list[str]]:
        """As `transform`, and what was repaired or ignored, in sentences."""
        first, notes = self.preprocessors[0].transform_stated(frame, owner=owner)
        rest = [(p, p.transform(frame)) for p in self.preprocessors[1:]]
        every = [(self.preprocessors[0], first), *rest]
        return [self._laid_out(p, table) for p, table in every], notes

    def inputs(self, bins: int) -> Inputs:
        """What networks are built for; leaves have a leading axis of splits."""
        if not self.names:
            return Inputs(0, self.cardinalities)
        edges = [self._rows(p, p.bins(bins)) for p in self.preprocessors]
        return Inputs(len(self.names), self.cardinalities, np.stack(edges))

    def _laid_out(
        self, preprocessor: Preprocessor, table: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        numeric = self._rows(preprocessor, table["numeric"].T).T
        return {
            "numeric": np.ascontiguousarray(numeric),
            "categorical": table["categorical"],
        }

    def _rows(
        self, preprocessor: Preprocessor, rows: Float[np.ndarray, "d k"]
    ) -> Float[np.ndarray, "dn k"]:
        own = preprocessor.numeric_names
        if own == self.names:
            return rows
        place = {name: i for i, name in enumerate(self.names)}
        out = np.zeros((len(self.names), rows.shape[1]), np.float32)
        out[[place[name] for name in own]] = rows
        return out


def stacked(tables: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """The tables of all splits with a leading axis of splits, empty parts left out."""
    kept = [key for key, part in tables[0].items() if part.shape[1]]
    return {key: np.stack([table[key] for table in tables]) for key in kept}
