"""Graphs from left to right: columns by longest path, few crossings, smooth arrows.

Sugiyama, Tagawa & Toda 1981, "Methods for visual understanding of hierarchical system
structures", https://doi.org/10.1109/TSMC.1981.4308636: long edges get a dummy vertex in
each column that they pass, barycentres order the columns, and then vertices move to the
mean of their neighbours as far as their order allows (least squares, by pooling).
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from thalweg.architectures.drawing.svg import Point, box, circle, curve, text, width_of

GAP_X, GAP_Y, HEIGHT = 34.0, 14.0, 26.0
RADIUS = 9.0
SWEEPS = 12


class Vertex(NamedTuple):
    """An operation, or a sum of what arrives (a small circle)."""

    words: str
    family: str
    is_sum: bool = False

    @property
    def width(self) -> float:
        """In pixels."""
        return 2 * RADIUS + 4 if self.is_sum else width_of(self.words) + 20


class Drawing(NamedTuple):
    """Parts of a picture, whose upper left is the origin."""

    parts: list[str]
    width: float
    height: float


def draw(vertices: Sequence[Vertex], edges: Sequence[tuple[int, int]]) -> Drawing:
    """The graph; `edges` lead from lower to higher numbers."""
    column = _columns(len(vertices), edges)
    chains, column = _with_dummies(edges, column)
    members = [
        [v for v, c in enumerate(column) if c == k] for k in range(max(column) + 1)
    ]
    links = [pair for chain in chains for pair in pairwise(chain)]
    _order(members, links, len(column))
    y = _heights(members, links, len(vertices), len(column))
    widths = [
        max((vertices[v].width for v in own if v < len(vertices)), default=0)
        for own in members
    ]
    left = np.concatenate([[0], np.cumsum(np.array(widths) + GAP_X)])
    middle = [left[c] + widths[c] / 2 for c in column]
    parts = [
        curve(_route(chain, vertices, middle, y, [widths[c] for c in column]))
        for chain in chains
    ]
    for v, vertex in enumerate(vertices):
        parts += _vertex(vertex, Point(middle[v], y[v]))
    return Drawing(parts, left[-1] - GAP_X, float(max(y)) + HEIGHT / 2)


def _vertex(vertex: Vertex, at: Point) -> list[str]:
    words = text(at, vertex.words)
    if vertex.is_sum:
        return [circle(at, RADIUS, vertex.family), words]
    corner = Point(at.x - vertex.width / 2, at.y - HEIGHT / 2)
    return [box(corner, vertex.width, HEIGHT, vertex.family), words]


def _route(
    chain: Sequence[int],
    vertices: Sequence[Vertex],
    x: Sequence[float],
    y: np.ndarray,
    widths: Sequence[float],
) -> list[Point]:
    """From the first one's right end to the last one's left end, level at dummies."""
    first, *between, last = chain
    points = [Point(x[first] + _half(vertices[first]), y[first])]
    for v in between:
        points += [Point(x[v] + side * widths[v] / 2, y[v]) for side in (-1, 1)]
    return [*points, Point(x[last] - _half(vertices[last]) - 2, y[last])]


def _half(vertex: Vertex) -> float:
    return RADIUS if vertex.is_sum else vertex.width / 2


def _columns(number: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """The most steps from any beginning."""
    column = [0] * number
    for i, j in sorted(edges, key=lambda edge: edge[1]):
        column[j] = max(column[j], column[i] + 1)
    return column


def _with_dummies(
    edges: Sequence[tuple[int, int]], column: list[int]
) -> tuple[list[list[int]], list[int]]:
    """Each edge as a chain of neighbours; the columns of all, dummies last."""
    column, chains = list(column), []
    for i, j in edges:
        chain = [i]
        for passed in range(column[i] + 1, column[j]):
            chain.append(len(column))
            column.append(passed)
        chains.append([*chain, j])
    return chains, column


def _order(
    members: list[list[int]], links: Sequence[tuple[int, int]], number: int
) -> None:
    """Sorts each column by the mean place of its neighbours; keeps the best found."""
    near = _neighbours(links, number)
    best, fewest = [list(own) for own in members], _crossings(members, links, number)
    for sweep in range(SWEEPS):
        towards = range(1, len(members)) if sweep % 2 == 0 else range(len(members) - 1)
        side = 0 if sweep % 2 == 0 else 1
        for k in towards if side == 0 else reversed(towards):
            place = {v: p for own in members for p, v in enumerate(own)}

            def mean(v: int, place=place, side=side) -> float:
                found = [place[w] for w in near[side][v]]
                return float(np.mean(found)) if found else place[v]

            members[k].sort(key=mean)
        if (now := _crossings(members, links, number)) < fewest:
            best, fewest = [list(own) for own in members], now
    members[:] = best


def _neighbours(
    links: Sequence[tuple[int, int]], number: int
) -> tuple[list[list[int]], list[list[int]]]:
    """Of each vertex those before it, and those after it."""
    before: list[list[int]] = [[] for _ in range(number)]
    after: list[list[int]] = [[] for _ in range(number)]
    for i, j in links:
        before[j].append(i)
        after[i].append(j)
    return before, after


def _crossings(
    members: list[list[int]], links: Sequence[tuple[int, int]], number: int
) -> int:
    place, column = [0] * number, [0] * number
    for k, own in enumerate(members):
        for p, v in enumerate(own):
            place[v], column[v] = p, k
    return sum(
        column[a] == column[c] and (place[a] - place[c]) * (place[b] - place[d]) < 0
        for n, (a, b) in enumerate(links)
        for c, d in links[:n]
    )


def _heights(
    members: list[list[int]], links: Sequence[tuple[int, int]], real: int, number: int
) -> np.ndarray:
    """The middle of each vertex, from above."""
    near = _neighbours(links, number)
    size = np.where(np.arange(number) < real, HEIGHT + GAP_Y, 12.0)
    y = np.zeros(number)
    offsets = []
    for own in members:
        half = size[own] / 2
        offsets.append(np.concatenate([[0], np.cumsum(half[:-1] + half[1:])]))
        y[own] = offsets[-1] - offsets[-1][-1] / 2
    for sweep in range(2 * SWEEPS):
        order = range(len(members)) if sweep % 2 == 0 else range(len(members))[::-1]
        for k in order:
            own = members[k]
            wanted = [
                np.mean([y[w] for w in near[0][v] + near[1][v]] or [y[v]]) for v in own
            ]
            y[own] = _increasing(np.array(wanted) - offsets[k]) + offsets[k]
    return y - min(y[:real]) + HEIGHT / 2 if len(y) == real else y - min(y) + HEIGHT / 2


def _increasing(wanted: np.ndarray) -> np.ndarray:
    """The nearest numbers that never decrease (pooling of violators)."""
    pools: list[tuple[float, int]] = []
    for value in wanted:
        mean, size = float(value), 1
        while pools and pools[-1][0] > mean:
            other, number = pools.pop()
            mean = (mean * size + other * number) / (size + number)
            size += number
        pools.append((mean, size))
    return np.concatenate([np.full(size, mean) for mean, size in pools])
