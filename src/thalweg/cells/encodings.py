"""What predictors see of a cell of NAS-Bench-101: rows `[n, d]` to features `[n, f]`.

White et al. 2020, "A Study on Neural Architecture Search Encodings",
https://arxiv.org/abs/2007.04965; the path encoding is that of BANANAS (White et al.
2021, https://arxiv.org/abs/1910.11858). All are equal for isomorphic cells.
Departs from the study: vertices are in canonical order, those of small cells last.
"""

import numpy as np
from jaxtyping import Float64

from thalweg.cells.model_spec import OPERATIONS
from thalweg.cells.nasbench101 import (
    EDGES,
    INNER,
    SLOTS,
    VERTICES,
    Rows,
    cells,
    numbers,
    space,
)
from thalweg.core.errors import InvalidInput

Features = Float64[np.ndarray, "n f"]


def adjacency(x: Rows) -> Features:
    """The upper triangle (21 bits), and each inner vertex's operation one-hot (15).

    Dead edges are 0, and so are all of a dead vertex's operations.
    """
    graphs, labels = cells().cells(numbers(x))
    above = np.triu_indices(VERTICES, 1)
    alive = np.logical_or.reduce(graphs[:, :, 1:-1], 1)
    one_hot = (labels[:, :, None] == np.arange(len(OPERATIONS))) & alive[:, :, None]
    bits = graphs[:, above[0], above[1]]
    return np.concatenate([bits, one_hot.reshape(len(bits), -1)], 1).astype(np.float64)


def paths(x: Rows, *, longest: int = INNER) -> Features:
    """Which sequences of operations lead from the input to the output: 364 bits.

    `longest` truncates the encoding to paths of so many operations: 3 leaves the 40
    features of BANANAS, which lose little. The empty path comes first, then the paths
    in ternary order.
    """
    if not 0 <= longest <= INNER:
        raise InvalidInput(
            f"`longest` must be from 0 to {INNER} operations, but got {longest}."
        )
    graphs, labels = cells().cells(numbers(x))
    ops = len(OPERATIONS)
    size = (ops ** (longest + 1) - 1) // (ops - 1)
    parents = (ops**longest - 1) // (ops - 1)  # paths that can grow
    here = np.zeros((VERTICES, len(x), size), bool)  # of the input and the inner ones
    here[0, :, 0] = True
    for j in range(1, VERTICES):
        arriving = np.logical_or.reduce(here[:j] & graphs[:, :j, j].T[:, :, None])
        if j == VERTICES - 1:
            return arriving.astype(np.float64)
        for op in range(ops):  # path p grows to path 3 p + 1 + op
            grown = arriving[:, :parents] & (labels[:, j - 1] == op)[:, None]
            here[j, :, 1 + op :: ops][:, :parents] = grown
    raise AssertionError("the last vertex is the output")


def truncated_paths(x: Rows) -> Features:
    """`paths` of at most 3 operations: 40 bits."""
    return paths(x, longest=3)


def from_continuous(u: Float64[np.ndarray, "n c"]) -> Rows:
    """The continuous adjacency encoding, to be searched by methods for real numbers.

    Rows of the unit cube with 21 weights of edges, the share of edges (scaled to 1 to
    9) that have the largest weights and are therefore there, and 5 operations (thirds
    of the interval). Returns canonical rows of `space()`; many `u` share one.
    """
    u = np.asarray(u, np.float64)
    if u.ndim != 2 or u.shape[1] != SLOTS + 1 + INNER:
        raise InvalidInput(
            f"Rows must have {SLOTS} weights, the share of edges and {INNER} "
            f"operations, but got an array of shape {u.shape}."
        )
    count = np.clip(np.floor(u[:, SLOTS] * EDGES), 0, EDGES - 1) + 1
    rank = np.argsort(np.argsort(-u[:, :SLOTS], 1, kind="stable"), 1)
    edges = np.where(rank < count[:, None], 0.75, 0.25)
    return space().canonical(np.concatenate([edges, u[:, SLOTS + 1 :]], 1))
