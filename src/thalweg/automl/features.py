"""A table's columns as each split's networks see them, in one layout for all splits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from thalweg.data import Preprocessor, Schema
from thalweg.evaluation import Splits
from thalweg.networks import Inputs

BINS = 48  # of a piecewise-linear embedding


@dataclass(frozen=True, eq=False)
class TableFeatures:
    """One fitted preprocessor per split.

    Preprocessors see different training rows, so a column (an indicator of missing
    cells, a rare level) may exist in one split only. The layout holds the columns of
    all; where a split has none, it is 0.
    """

    preprocessors: tuple[Preprocessor, ...]
    bins: int = BINS
    kind: ClassVar[str] = "table"
    networks: ClassVar[Any] = None

    @staticmethod
    def fit(
        frame: Any, schema: Schema, splits: Splits, **options: Any
    ) -> "TableFeatures":
        """Fit on the training part of each split."""
        return TableFeatures(
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

    def inputs(self) -> Inputs:
        """What networks are built for; leaves have a leading axis of splits."""
        if not self.names:
            return Inputs(0, self.cardinalities)
        edges = [self._rows(p, p.bins(self.bins)) for p in self.preprocessors]
        return Inputs(len(self.names), self.cardinalities, np.stack(edges))

    def for_networks(
        self, made: Sequence[Mapping[str, np.ndarray]]
    ) -> dict[str, np.ndarray]:
        """The tables of all splits along a leading axis; empty parts are left out."""
        kept = [key for key, part in made[0].items() if part.shape[1]]
        return {key: np.stack([table[key] for table in made]) for key in kept}

    def for_baseline(self, made: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        """The linear model sees what the networks do."""
        return made

    def to_state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """A dict for JSON and a dict of arrays, from which `from_state` restores it."""
        records, arrays = [], {}
        for split, preprocessor in enumerate(self.preprocessors):
            record, own = preprocessor.to_state()
            records.append(record)
            arrays |= {f"{split}/{k}": a for k, a in own.items()}
        return {"bins": self.bins, "preprocessors": records}, arrays

    @staticmethod
    def from_state(
        record: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
    ) -> "TableFeatures":
        """What `to_state` was made of."""
        parts = enumerate(record["preprocessors"])
        return TableFeatures(
            tuple(
                Preprocessor.from_state(one, below(arrays, f"{split}/"))
                for split, one in parts
            ),
            record["bins"],
        )

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


def below(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """The arrays whose names begin with a prefix, without it."""
    return {k[len(prefix) :]: a for k, a in arrays.items() if k.startswith(prefix)}
