"""The contract of a scaler: fitted on training rows, then a fixed monotone map."""

import abc
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Float

from thalweg.data.quantiles import SortedColumns


@dataclass(frozen=True, eq=False)
class AbstractScaler(abc.ABC):
    """A map of each column by itself. Fields are arrays whose first axis is the column.

    Missing cells (NaN) are left out of `fit` and stay NaN. A column whose training part
    is constant or empty maps to values that are finite.
    """

    @classmethod
    @abc.abstractmethod
    def fit(cls, columns: SortedColumns) -> "AbstractScaler":
        """The scaler for these training columns."""

    @abc.abstractmethod
    def __call__(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
        """Each column on its new scale."""

    def to_arrays(self) -> dict[str, np.ndarray]:
        """The fields; `type(self)(**arrays)` restores the scaler."""
        return {field.name: getattr(self, field.name) for field in fields(self)}
