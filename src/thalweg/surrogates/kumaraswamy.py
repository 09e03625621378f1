"""Kumaraswamy's distribution functions `1 - (1 - u^a)^b`, which bend coordinates."""

import numpy as np
from jaxtyping import Float64

Shapes = Float64[np.ndarray, "d 2"]  # a and b of each dimension; ones: straight


def bend(u: Float64[np.ndarray, "n d"], shapes: Shapes) -> Float64[np.ndarray, "n d"]:
    """The bent coordinates, in [0, 1] again."""
    a, b = shapes.T
    return 1 - (1 - u**a) ** b


def slope(u: Float64[np.ndarray, "n d"], shapes: Shapes) -> Float64[np.ndarray, "n d"]:
    """The derivative of `bend`; finite, as no exponent is below one."""
    a, b = shapes.T
    return a * b * u ** (a - 1) * (1 - u**a) ** (b - 1)
