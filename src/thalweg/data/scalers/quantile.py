"""Each column's ranks, spread like a normal distribution.

The map is that of scikit-learn's `QuantileTransformer(output_distribution="normal")`.
Departs from it where the least or the largest value is repeated: they too take the
middle of their ranks, where scikit-learn sends them to ±5.2 (so both of two values).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from thalweg.data.quantiles import SortedColumns
from thalweg.data.scalers.abstract import AbstractScaler

_LANDMARKS = 1000
_TAIL = 1e-7  # ranks are kept this far from 0 and 1: values within ±5.2


@dataclass(frozen=True, eq=False)
class QuantileNormal(AbstractScaler):
    """For columns with long tails or several peaks, where only the order matters."""

    landmarks: Float[np.ndarray, "d k"]

    @classmethod
    def fit(cls, columns: SortedColumns) -> "QuantileNormal":
        k = int(np.clip(columns.values.shape[1], 2, _LANDMARKS))
        return cls(columns.quantile(np.linspace(0, 1, k)))

    def __call__(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
        from scipy.special import ndtri

        rank = np.empty_like(x)
        share = np.linspace(0, 1, self.landmarks.shape[1])
        for i, marks in enumerate(self.landmarks):
            column = x[:, i]
            above = np.interp(column, marks, share)
            below = -np.interp(-column, -marks[::-1], -share[::-1])
            rank[:, i] = (above + below) / 2
        return ndtri(np.clip(rank, _TAIL, 1 - _TAIL))
