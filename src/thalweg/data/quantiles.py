"""Quantiles of many columns at once, missing cells left out, from one sort."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int


@dataclass(frozen=True, eq=False)
class SortedColumns:
    """The columns of a matrix, each sorted, its missing cells (NaN) at the end."""

    values: Float[np.ndarray, "d n"]
    count: Int[np.ndarray, "d"]  # cells that are not missing

    @classmethod
    def of(cls, x: Float[np.ndarray, "n d"]) -> "SortedColumns":
        values = np.sort(np.ascontiguousarray(x.T), axis=1)
        return cls(values, np.count_nonzero(~np.isnan(values), axis=1))

    def quantile(self, q: Float[np.ndarray, "k"]) -> Float[np.ndarray, "d k"]:
        """As `np.quantile` with linear interpolation; 0 where every cell is missing."""
        d, n = self.values.shape
        if n == 0:
            return np.zeros((d, len(q)))
        position = np.maximum(self.count - 1, 0)[:, None] * np.asarray(q)[None, :]
        low = np.floor(position).astype(np.int64)
        high = np.minimum(low + 1, np.maximum(self.count - 1, 0)[:, None])
        below = np.take_along_axis(self.values, low, axis=1)
        above = np.take_along_axis(self.values, high, axis=1)
        found = below + (position - low) * (above - below)
        return np.where(self.count[:, None] > 0, found, 0.0)


def quantile_bins(x: Float[np.ndarray, "n d"], q: int) -> Float[np.ndarray, "d q+1"]:
    """The edges of `q` bins that hold equally many rows each; edges may repeat."""
    edges = SortedColumns.of(np.asarray(x, dtype=float)).quantile(
        np.linspace(0, 1, q + 1)
    )
    return edges.astype(np.float32)
