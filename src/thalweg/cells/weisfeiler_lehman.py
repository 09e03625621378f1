"""Weisfeiler-Lehman features: how often each kind of surroundings occurs in a graph.

Shervashidze et al. 2011, Algorithm 2,
https://www.jmlr.org/papers/v12/shervashidze11a.html; for cells: Ru et al. 2021
(NAS-BOWL), https://arxiv.org/abs/2006.07556
Departs from the paper: labels are compressed by a hash instead of a dictionary, so that
the features of a graph don't depend on which others are seen; a few kinds of
surroundings may share a feature.
"""

import numpy as np
from jaxtyping import Bool, Float64, Int64

from thalweg.cells import nasbench101
from thalweg.cells.graphs import pruned
from thalweg.cells.nasbench201 import EDGES, OPERATIONS
from thalweg.spaces.parameter import equal_cells

Graphs = Bool[np.ndarray, "n v v"]
Labels = Int64[np.ndarray, "n v"]  # of vertices; negative: not there
Features = Float64[np.ndarray, "n f"]

BUCKETS = 64  # features of each round


def of_nasbench101(x: Float64[np.ndarray, "n d"]) -> Features:
    """Subtree counts of rows of `nasbench101.space()`; equal for isomorphic cells."""
    graphs, labels = nasbench101.cells().cells(nasbench101.numbers(x))
    alive = np.logical_or.reduce(graphs[:, :, 1:-1], 1)
    inner = np.where(alive, labels + 2, -1)
    ends = np.tile([0, 1], (len(x), 1))
    return subtree_counts(graphs, np.hstack([ends[:, :1], inner, ends[:, 1:]]))


def of_nasbench201(x: Float64[np.ndarray, "n d"]) -> Features:
    """Subtree counts of rows of `nasbench201.space()`, with operations as vertices.

    "none", skip connections, which are contracted, and what no path meets are left
    out, so that cells which compute the same have the same features.
    """
    operations = equal_cells(x, len(OPERATIONS))
    none, skip = (OPERATIONS.index(name) for name in ("none", "skip_connect"))
    vertices = len(EDGES) + 2
    starts = np.array([-1, *(i for i, _ in EDGES), 3])
    ends = np.array([0, *(j for _, j in EDGES), -2])  # the input ends at node 0
    graph = np.tile(ends[:, None] == starts, (len(x), 1, 1))
    there = np.ones((len(x), vertices), bool)
    there[:, 1:-1] = operations != none
    graph &= there[:, :, None] & there[:, None, :]
    for vertex in range(1, vertices - 1):
        skipped = operations[:, vertex - 1] == skip
        through = graph[:, :, vertex, None] & graph[:, None, vertex, :]
        graph |= through & skipped[:, None, None]
        there[skipped, vertex] = False
    graph = pruned(graph & there[:, :, None] & there[:, None, :])
    alive = graph.any(1) | graph.any(2)
    labels = np.full(there.shape, 0)
    labels[:, 1:-1], labels[:, -1] = operations + 2, 1
    return subtree_counts(graph, np.where(alive, labels, -1))


def subtree_counts(graphs: Graphs, labels: Labels, *, rounds: int = 2) -> Features:
    """Counts of the vertices' labels, then of those refined by their predecessors'.

    `graphs[k, i, j]` is an edge from i to j. A negative label marks a vertex that is
    not there. Features: `BUCKETS` for the labels, and as many for each round.
    """
    there = labels >= 0
    edges = graphs & there[:, :, None] & there[:, None, :]
    colour = _mixed(labels.astype(np.uint64))
    found = [_histogram(colour, there)]
    for _ in range(rounds):
        # a sum of hashes stands for the multiset of the predecessors' labels
        arriving = np.where(edges, _mixed(colour)[:, :, None], np.uint64(0))
        colour = _mixed(colour * np.uint64(3) + arriving.sum(1, dtype=np.uint64))
        found.append(_histogram(colour, there))
    return np.concatenate(found, axis=1)


def _histogram(colour: np.ndarray, there: Bool[np.ndarray, "n v"]) -> Features:
    counts = np.zeros((len(colour), BUCKETS))
    graph, vertex = np.nonzero(there)
    bucket = (colour[graph, vertex] % np.uint64(BUCKETS)).astype(np.int64)
    np.add.at(counts, (graph, bucket), 1.0)
    return counts


def _mixed(x: np.ndarray) -> np.ndarray:
    """A bijection of 64-bit words that scatters neighbours (SplitMix64's finaliser)."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
