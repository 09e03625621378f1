"""Hartmann's functions: four Gaussian wells in three or six dimensions.

Surjanovic & Bingham, "Virtual Library of Simulation Experiments",
https://www.sfu.ca/~ssurjano/optimization.html
"""

import numpy as np
from jaxtyping import Float64

from thalweg.benchmarks.functions.function import Function, box

DEPTHS = np.array([1.0, 1.2, 3.0, 3.2])
WIDTHS3 = np.array([[3, 10, 30], [0.1, 10, 35], [3, 10, 30], [0.1, 10, 35]])
CENTRES3 = 1e-4 * np.array(
    [[3689, 1170, 2673], [4699, 4387, 7470], [1091, 8732, 5547], [381, 5743, 8828]]
)
WIDTHS6 = np.array(
    [
        [10, 3, 17, 3.5, 1.7, 8],
        [0.05, 10, 17, 0.1, 8, 14],
        [3, 3.5, 1.7, 10, 17, 8],
        [17, 8, 0.05, 10, 0.1, 14],
    ]
)
CENTRES6 = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)


def hartmann3() -> Function:
    """Three dimensions, four minima."""
    return box(
        "hartmann3",
        [(0, 1)] * 3,
        lambda x: _wells(x, WIDTHS3, CENTRES3),
        minimum=-3.862779787332660,
        best=[0.114589, 0.555649, 0.852547],
    )


def hartmann6() -> Function:
    """Six dimensions, six minima."""
    return box(
        "hartmann6",
        [(0, 1)] * 6,
        lambda x: _wells(x, WIDTHS6, CENTRES6),
        minimum=-3.322368011415515,
        best=[0.201690, 0.150011, 0.476874, 0.275332, 0.311652, 0.657301],
    )


def _wells(
    x: Float64[np.ndarray, "n d"],
    widths: Float64[np.ndarray, "4 d"],
    centres: Float64[np.ndarray, "4 d"],
) -> Float64[np.ndarray, " n"]:
    return -np.exp(-(widths * (x[:, None] - centres) ** 2).sum(2)) @ DEPTHS
