"""Rows of the cube as keys: which configurations are the same, which are new."""

from collections.abc import Set

import numpy as np
from jaxtyping import Bool, Float64


def row_keys(rows: Float64[np.ndarray, "n d"]) -> list[bytes]:
    """Keys of canonical rows: equal exactly if the configurations are."""
    return [row.tobytes() for row in np.ascontiguousarray(rows)]


def first_unseen(
    rows: Float64[np.ndarray, "n d"], seen: Set[bytes]
) -> Bool[np.ndarray, " n"]:
    """Marks the first of each distinct canonical row whose key is not in `seen`."""
    known = set(seen)
    marks = np.zeros(len(rows), bool)
    for i, key in enumerate(row_keys(rows)):
        marks[i] = key not in known
        known.add(key)
    return marks
