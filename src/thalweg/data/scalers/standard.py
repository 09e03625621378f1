"""Mean 0 and standard deviation 1, as textbooks have it."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from thalweg.data.quantiles import SortedColumns
from thalweg.data.scalers.abstract import AbstractScaler

_LIMIT = 50.0  # standard deviations: beyond, one cell would drive the whole batch


@dataclass(frozen=True, eq=False)
class Standard(AbstractScaler):
    """For columns that are near normal, and to compare with other systems."""

    center: Float[np.ndarray, "d"]
    factor: Float[np.ndarray, "d"]

    @classmethod
    def fit(cls, columns: SortedColumns) -> "Standard":
        count = np.maximum(columns.count, 1)
        mean = np.nansum(columns.values, axis=1) / count
        away = np.nan_to_num(columns.values - mean[:, None])
        deviation = np.sqrt((away**2).sum(axis=1) / count)
        # a constant column's rounding error must not be taken for a spread
        varies = deviation > 1e-13 * np.abs(mean)
        return cls(mean, np.where(varies, 1 / np.where(varies, deviation, 1), 0.0))

    def __call__(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
        return np.clip((x - self.center) * self.factor, -_LIMIT, _LIMIT)
