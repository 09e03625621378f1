"""The cells of NAS-Bench-201: one of five operations on each of six edges.

Dong & Yang 2020, "NAS-Bench-201: Extending the Scope of Reproducible Neural
Architecture Search", https://arxiv.org/abs/2001.00326
"""

import itertools
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from thalweg.core.errors import InvalidInput, unknown_name
from thalweg.spaces import AbstractNormalForm, Choice, Space
from thalweg.spaces.parameter import equal_cells

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))  # from node, to node
_PART = re.compile(r"\|([a-z0-9_]+)~([0-9]+)")
_NEEDED = (
    "A cell of NAS-Bench-201 is written like "
    "'|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|'"
)


def space(*, isomorphic: bool = False) -> Space:
    """The 15,625 cells; parameter `edge_i_j` is the operation from node i to node j.

    **isomorphic**: cells of one class (`classes`) are one configuration, 6,466 in all.
    The benchmark trained each drawing by itself, so a table then tells the losses of
    the classes' representatives only.
    """
    parameters = {f"edge_{i}_{j}": Choice(OPERATIONS) for i, j in EDGES}
    return Space(parameters, normal_form=EdgeCells() if isomorphic else None)


def to_string(operations: Sequence[str]) -> str:
    """The cell as its users write it, from the operations in the order of `EDGES`."""
    check(operations)
    parts = {edge: name for edge, name in zip(EDGES, operations, strict=True)}
    nodes = (
        "".join(f"|{parts[i, node]}~{i}" for i in range(node)) for node in (1, 2, 3)
    )
    return "+".join(f"{node}|" for node in nodes)


def check(operations: Sequence[str]) -> None:
    """Raises unless they are the operations of a cell, in the order of `EDGES`."""
    if len(operations) != len(EDGES):
        raise InvalidInput(
            f"A cell of NAS-Bench-201 has {len(EDGES)} operations, but got "
            f"{len(operations)}."
        )
    for name in operations:
        _check(name)


def from_string(text: str) -> tuple[str, ...]:
    """The operations in the order of `EDGES`, of a cell as its users write it."""
    nodes = text.strip().split("+") if isinstance(text, str) else []
    found: dict[tuple[int, int], str] = {}
    for node, part in enumerate(nodes, 1):
        pairs = _PART.findall(part)
        if part != "".join(f"|{name}~{source}" for name, source in pairs) + "|":
            raise InvalidInput(f"{_NEEDED}, but got {text!r}.")
        for name, source in pairs:
            _check(name)
            found[int(source), node] = name
    if sorted(found) != sorted(EDGES):
        raise InvalidInput(f"{_NEEDED}, but got {text!r}.")
    return tuple(found[edge] for edge in EDGES)


def _check(name: str) -> None:
    if name not in OPERATIONS:
        raise unknown_name("operation", name, OPERATIONS)


@cache
def classes() -> Int64[np.ndarray, " c"]:
    """For each of the 15,625 cells the first cell of its class; 6,466 are their own.

    Cells are numbered in the order of `EDGES`, the last edge fastest, operations in the
    order of `OPERATIONS`. Two are of one class where the paper's strings are equal:
    `skip_connect` hands on, `none` makes zero of what comes over it, and the order of a
    node's inputs doesn't matter. Zeros are counted: a sum with one more of them is
    another class, though it is the same number.
    """
    first: dict[str, int] = {}
    found = []
    for number, ops in enumerate(itertools.product(OPERATIONS, repeat=len(EDGES))):
        found.append(first.setdefault(_computation(ops), number))
    return np.array(found)


def _computation(operations: Sequence[str]) -> str:
    """What reaches the last node, as a formula of the input."""
    parts = dict(zip(EDGES, operations, strict=True))
    node = {0: "0"}
    for j in (1, 2, 3):
        arriving = []
        for i in range(j):
            if parts[i, j] == "none" or node[i] == "#":
                arriving.append("#")
            elif parts[i, j] == "skip_connect":
                arriving.append(node[i])
            else:
                arriving.append(f"({node[i]})@{parts[i, j]}")
        node[j] = "+".join(sorted(arriving))
    return node[3]


class EdgeCells(AbstractNormalForm):
    """Makes the cells of one class one configuration: the first of them."""

    @property
    def levels(self) -> Mapping[str, int]:
        """The six edges."""
        return {f"edge_{i}_{j}": len(OPERATIONS) for i, j in EDGES}

    @property
    def size(self) -> int:
        """6,466."""
        return len(np.unique(classes()))

    def canonical(self, index: Int64[np.ndarray, "n k"]) -> Int64[np.ndarray, "n k"]:
        """The classes' first cells."""
        return _operations(classes()[index @ _DIGITS])

    def member(self, number: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, "n k"]:
        """The classes' first cells, in the order of the cells."""
        return _operations(np.unique(classes())[number])

    def to_dict(self) -> dict[str, Any]:
        """The name alone."""
        return {"type": "EdgeCells"}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "EdgeCells":
        """There is only one."""
        del record
        return cls()

    def __repr__(self) -> str:
        return "EdgeCells()"


def one_hot(x: Float64[np.ndarray, "n d"]) -> Float64[np.ndarray, "n f"]:
    """Features of rows of the space: each edge's operation, 30 bits."""
    chosen = _index(x)[:, :, None] == np.arange(len(OPERATIONS))
    return chosen.reshape(len(chosen), -1).astype(np.float64)


def paths(x: Float64[np.ndarray, "n d"]) -> Float64[np.ndarray, "n f"]:
    """Features of rows of the space: how many paths compute which sequence, 40 counts.

    White et al. 2020, https://arxiv.org/abs/2007.04965. Departs from it: `none` ends a
    path and `skip_connect` is no step, so that isomorphic cells have equal features:
    sequences of at most three of the other operations, the empty one first. Two equal
    paths count twice, as they do in the sum.
    """
    index, rows = _index(x), np.arange(len(x))
    step = np.array([-1, 0, 1, 2, 3])  # 0: none taken; 1, 2, 3: which operation
    counts = np.zeros((len(index), 40))
    for route in ((3,), (0, 4), (1, 5), (0, 2, 5)):  # numbers of edges, input to output
        taken = step[index[:, route]]
        path = np.zeros(len(index), np.int64)
        for column in taken.T:  # path p grows to path 3 p + operation
            path = np.where(column > 0, 3 * path + column, path)
        there = (taken >= 0).all(1)
        np.add.at(counts, (rows[there], path[there]), 1.0)
    return counts


_DIGITS = len(OPERATIONS) ** np.arange(len(EDGES) - 1, -1, -1)


def _operations(cell: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, "n k"]:
    """The numbers of the operations of cells by number."""
    return cell[:, None] // _DIGITS % len(OPERATIONS)


def _index(x: Float64[np.ndarray, "n d"]) -> Int64[np.ndarray, "n d"]:
    x = np.asarray(x, np.float64)
    if x.ndim != 2 or x.shape[1] != len(EDGES):
        raise InvalidInput(
            f"Rows of this space have {len(EDGES)} coordinates, but got an array of "
            f"shape {x.shape}."
        )
    return equal_cells(x, len(OPERATIONS))
