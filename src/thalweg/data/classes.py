"""The classes of a target and the codes 0, 1, … that networks predict."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int

from thalweg.core.errors import DataError
from thalweg.data.wording import listed


@dataclass(frozen=True, eq=False)
class Classes:
    """Labels in the order of `np.unique`, in the dtype they came in."""

    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Classes)
            and self.labels.dtype == other.labels.dtype
            and np.array_equal(self.labels, other.labels)
        )

    __hash__ = None  # pyright: ignore[reportAssignmentType]

    @staticmethod
    def fit(y: Sequence[Any] | np.ndarray) -> "Classes":
        """The distinct labels of `y`; labels of several types are an error."""
        return Classes.fit_encode(y)[0]

    @staticmethod
    def fit_encode(
        y: Sequence[Any] | np.ndarray,
    ) -> tuple["Classes", Int[np.ndarray, "n"]]:
        """The classes and each row's code, from one sort."""
        try:
            labels, codes = np.unique(np.asarray(y), return_inverse=True)
        except TypeError:
            kinds = sorted({type(value).__name__ for value in y})
            raise DataError(
                "Unknown label type: the classes must be of one type, but the target "
                f"holds {' and '.join(kinds)}. Turn all of them into text."
            ) from None
        return Classes(labels), codes.astype(np.int32)

    def encode(self, y: Sequence[Any] | np.ndarray) -> Int[np.ndarray, "n"]:
        """Each label's code; a label that is no class raises `DataError`."""
        y = np.asarray(y)
        if y.dtype.kind != self.labels.dtype.kind and "O" in (y.dtype.kind + self.kind):
            table = {label: code for code, label in enumerate(self.labels.tolist())}
            codes = np.array(
                [table.get(label, -1) for label in y.tolist()], dtype=np.int64
            )
        else:
            codes = np.searchsorted(self.labels, y).clip(0, len(self) - 1)
            codes = np.where(self.labels[codes] == y, codes, -1)
        if (codes < 0).any():
            unknown = list(dict.fromkeys(y[codes < 0].tolist()))
            raise DataError(
                f"Labels must be among {listed(self.labels.tolist())}, but got "
                f"{listed(unknown)}."
            )
        return codes.astype(np.int32)

    @property
    def kind(self) -> str:
        """NumPy's letter for the labels' kind of dtype."""
        return self.labels.dtype.kind

    def decode(self, codes: Int[np.ndarray, "n"]) -> np.ndarray:
        """The label of each code."""
        return self.labels[np.asarray(codes)]

    def to_json(self) -> dict[str, Any]:
        """Dtype and labels, without loss; for text, numbers and booleans."""
        return {"dtype": self.labels.dtype.str, "labels": self.labels.tolist()}

    @staticmethod
    def from_json(record: dict[str, Any]) -> "Classes":
        return Classes(np.array(record["labels"], dtype=np.dtype(record["dtype"])))
