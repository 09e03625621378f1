"""The Matérn-5/2 kernel on features (`Embedding`)."""

import numpy as np
from jaxtyping import Float64


def matern(square: Float64[np.ndarray, "..."]) -> tuple[np.ndarray, np.ndarray]:
    """The kernel and its derivative, both in the squared scaled distance."""
    r = np.sqrt(5.0 * square)
    decay = np.exp(-r)
    return (1 + r + r * r / 3) * decay, (-5 / 6) * (1 + r) * decay


def squared_distances(
    a: Float64[np.ndarray, "n f"], b: Float64[np.ndarray, "m f"]
) -> Float64[np.ndarray, "n m"]:
    """Between every row of `a` and every row of `b`."""
    square = -2.0 * (a @ b.T)
    square += np.sum(a * a, 1)[:, None]
    square += np.sum(b * b, 1)
    return np.maximum(square, 0.0, out=square)
