"""Robust scaling with smooth clipping: the median goes to 0, outliers towards ±3.

Holzmueller, Grinsztajn & Steinwart 2024, "Better by default" (RealMLP), section 3 and
appendix A, https://arxiv.org/abs/2407.04491
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from thalweg.data.quantiles import SortedColumns
from thalweg.data.scalers.abstract import AbstractScaler

_FAR = 1e9  # where the clipped value has long been 3; squares of more could overflow


@dataclass(frozen=True, eq=False)
class RobustSmooth(AbstractScaler):
    """The default: outliers neither stretch the scale nor reach the network."""

    center: Float[np.ndarray, "d"]
    factor: Float[np.ndarray, "d"]

    @classmethod
    def fit(cls, columns: SortedColumns) -> "RobustSmooth":
        low, q1, median, q3, high = columns.quantile(
            np.array([0, 0.25, 0.5, 0.75, 1])
        ).T
        spread, half = q3 - q1, (high - low) / 2
        spread = np.where(spread > 0, spread, half)
        return cls(
            median, np.where(spread > 0, 1 / np.where(spread > 0, spread, 1), 0.0)
        )

    def __call__(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
        z = np.clip((x - self.center) * self.factor, -_FAR, _FAR)
        return z / np.sqrt(1 + (z / 3) ** 2)
