"""Small directed acyclic graphs, many at once: pruning, repair and their drawings.

A graph is a square of booleans `[v, v]`, `True` at `[i, j]` for an edge from vertex `i`
to a later vertex `j`; vertex 0 is the input and the last one the output. Vertices and
edges that no path from the input to the output meets are *dead*.
"""

import itertools
import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Bool, Int64

from thalweg.core.errors import InvalidInput

Graphs = Bool[np.ndarray, "n v v"]


def live(graphs: Graphs) -> Bool[np.ndarray, "n v"]:
    """Which vertices lie on a path from the input to the output."""
    v = graphs.shape[1]
    after, before = np.zeros((2, *graphs.shape[:2]), bool)
    after[:, 0] = before[:, v - 1] = True
    for j in range(1, v):
        after[:, j] = (after[:, :j] & graphs[:, :j, j]).any(1)
        i = v - 1 - j
        before[:, i] = (before[:, i + 1 :] & graphs[:, i, i + 1 :]).any(1)
    return after & before


def pruned(graphs: Graphs) -> Graphs:
    """The graphs without their dead edges; empty where no path leads through."""
    alive = live(graphs)
    return graphs & alive[:, :, None] & alive[:, None, :]


def edge_bits(graphs: Graphs) -> Bool[np.ndarray, "n e"]:
    """The upper triangle, row by row."""
    above = np.triu_indices(graphs.shape[1], 1)
    return graphs[:, above[0], above[1]]


def from_edge_bits(bits: Bool[np.ndarray, "n e"]) -> Graphs:
    """The graphs of `edge_bits`."""
    v = (1 + math.isqrt(1 + 8 * bits.shape[1])) // 2
    above = np.triu_indices(v, 1)
    graphs = np.zeros((len(bits), v, v), bool)
    graphs[:, above[0], above[1]] = bits
    return graphs


def keys(graphs: Graphs) -> Int64[np.ndarray, " n"]:
    """The edge bits as one number."""
    bits = edge_bits(graphs)
    return bits @ (1 << np.arange(bits.shape[1]))


def repaired(graphs: Graphs, edges: int) -> Graphs:
    """Graphs without anything dead and of at most `edges` edges, the nearest by rule.

    Vertices without edges are left out. Other loose ends are tied to the input or to
    the output. Then surplus edges are taken away one after the other: each time one
    without which no vertex is dead if there is one, chosen by a hash of the graph, so
    that no place is preferred.
    """
    graphs = _tied(graphs)
    surplus = np.arange(len(graphs))
    while True:
        surplus = surplus[graphs[surplus].sum((1, 2)) > edges]
        if not len(surplus):
            return graphs
        some = graphs[surplus]
        fan_out, fan_in = some.sum(2), some.sum(1)
        spare = (fan_out > 1)[:, :, None] & (fan_in > 1)[:, None, :]
        rank = _hashed(keys(some), some.shape[1] ** 2).reshape(some.shape)
        rank = np.where(some, rank + np.where(spare, 0.0, 1.0), np.inf)
        worst = rank.reshape(len(some), -1).argmin(1)
        some.reshape(len(some), -1)[np.arange(len(some)), worst] = False
        graphs[surplus] = pruned(some)


def _tied(graphs: Graphs) -> Graphs:
    """A copy in which every vertex that has an edge is live."""
    graphs, last = graphs.copy(), graphs.shape[1] - 1
    into, out = graphs.sum(1)[:, 1:last], graphs.sum(2)[:, 1:last]
    graphs[:, 0, 1:last] |= (into == 0) & (out > 0)
    graphs[:, 1:last, last] |= (into > 0) & (out == 0)
    graphs[:, 0, last] |= (into + out).sum(1) == 0  # nothing else is there
    return graphs


def _hashed(numbers: Int64[np.ndarray, " n"], places: int) -> np.ndarray:
    """Numbers in [0, 1) that look random, `places` for each of `numbers`."""
    x = numbers.astype(np.uint64)[:, None] * np.uint64(places)
    x = (x + np.arange(places, dtype=np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
    x ^= x >> np.uint64(29)
    x *= np.uint64(0xBF58476D1CE4E5B9)
    return (x >> np.uint64(11)).astype(np.float64) / 2.0**53


def dead_first(graphs: Graphs) -> Int64[np.ndarray, "n v"]:
    """Orders of the vertices: input, dead ones, live ones, output; else unchanged."""
    alive = live(graphs)
    place = np.where(alive, 2, 1)
    place[:, 0], place[:, -1] = 0, 3
    return np.argsort(place, axis=1, kind="stable")


def reordered(graphs: Graphs, order: Int64[np.ndarray, "n v"]) -> Graphs:
    """The graphs whose vertex `i` is what was vertex `order[i]`."""
    rows = np.take_along_axis(graphs, order[:, :, None], 1)
    return np.take_along_axis(rows, order[:, None, :], 2)


@dataclass(frozen=True)
class Drawings:
    """Every pruned graph of up to `v` vertices, dead ones first, and its class.

    Two drawings are of one class if an order of the vertices makes them equal. The
    class's own drawing is the one with the smallest key.
    """

    keys: Int64[np.ndarray, " m"]  # of all drawings, sorted
    graph: Int64[np.ndarray, " m"]  # the number of the class
    order: Int64[np.ndarray, "m v"]  # turns the drawing into the class's own
    own: Bool[np.ndarray, "g v v"]  # the drawing of each class
    vertices: Int64[np.ndarray, " g"]  # live ones, input and output included
    symmetric: Bool[np.ndarray, "q g"]  # which of `orders` leave a class's drawing
    orders: Int64[np.ndarray, "q v"]

    def find(self, graphs: Graphs) -> Int64[np.ndarray, " n"]:
        """The drawings' numbers. The graphs are pruned, repaired and `dead_first`."""
        return np.searchsorted(self.keys, keys(graphs))


LARGEST = 7  # vertices: all 2^21 drawings are looked through


@cache
def drawings(vertices: int, edges: int) -> Drawings:
    """The table for graphs of at most so many vertices and edges."""
    if not 2 <= vertices <= LARGEST or edges < 1:
        raise InvalidInput(
            f"Cells have 2 to {LARGEST} vertices and at least one edge, but got "
            f"vertices={vertices}, edges={edges}."
        )
    parts = [_of_size(v, vertices, edges) for v in range(2, vertices + 1)]
    graphs = np.concatenate([graphs for graphs, _ in parts])
    smallest = np.concatenate([smallest for _, smallest in parts])
    own_keys = keys(graphs)
    sizes = live(graphs).sum(1)
    orders = _orders(vertices)
    order = np.tile(np.arange(vertices), (len(graphs), 1))
    fixed = np.zeros((len(orders), len(graphs)), bool)
    for number, each in enumerate(orders):
        moved = _moved_keys(graphs, each)
        order[moved == smallest] = each
        fixed[number] = moved == own_keys
    canonical = np.flatnonzero(own_keys == smallest)
    canonical = canonical[np.lexsort((own_keys[canonical], sizes[canonical]))]
    number = {key: i for i, key in enumerate(own_keys[canonical].tolist())}
    graph = np.array([number[key] for key in smallest.tolist()])
    by_key = np.argsort(own_keys)
    return Drawings(
        own_keys[by_key],
        graph[by_key],
        order[by_key],
        graphs[canonical],
        sizes[canonical],
        fixed[:, canonical],
        orders,
    )


def _of_size(v: int, vertices: int, edges: int) -> tuple[Graphs, np.ndarray]:
    """All graphs of `v` live vertices, and the smallest key among their drawings."""
    above = np.triu_indices(v, 1)
    number = np.arange(2 ** len(above[0]))
    number = number[np.bitwise_count(number) <= edges]
    for vertex in range(v - 1):  # each but the output has an edge out …
        mask = sum(1 << e for e, i in enumerate(above[0]) if i == vertex)
        number = number[number & mask != 0]
    for vertex in range(1, v):  # … and each but the input has one in
        mask = sum(1 << e for e, j in enumerate(above[1]) if j == vertex)
        number = number[number & mask != 0]
    places = np.array([0, *range(vertices - v + 1, vertices)])
    graphs = np.zeros((len(number), vertices, vertices), bool)
    for e, (i, j) in enumerate(zip(*above, strict=True)):
        graphs[:, places[i], places[j]] = number >> e & 1
    smallest = np.full(len(graphs), np.iinfo(np.int64).max)
    for order in _orders(vertices):
        if (order[: vertices - v + 1] == np.arange(vertices - v + 1)).all():
            np.minimum(smallest, _moved_keys(graphs, order), out=smallest)
    return graphs, smallest


def _orders(vertices: int) -> Int64[np.ndarray, "q v"]:
    """Every order of the vertices between input and output."""
    inner = itertools.permutations(range(1, vertices - 1))
    return np.array([[0, *order, vertices - 1] for order in inner], np.int64)


def _moved_keys(graphs: Graphs, order: np.ndarray) -> Int64[np.ndarray, " n"]:
    """The graphs' keys in another order; the largest number where edges lead back."""
    moved = graphs[:, order][:, :, order]
    back = np.tril(np.ones(moved.shape[1:], bool))
    key = keys(moved)
    key[(moved & back).any((1, 2))] = np.iinfo(np.int64).max
    return key
