"""Cells: graphs whose inner vertices are operations, up to isomorphism.

The space of Ying et al. 2019, "NAS-Bench-101", https://arxiv.org/abs/1902.09635, with
any number of vertices (up to 7), edges and operations. Instead of hashing every drawing
of every graph, the classes of unlabelled graphs are listed, and of the labellings of
each those that are the smallest among their images under the graph's symmetries.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Int64

from thalweg.cells.graphs import (
    Drawings,
    Graphs,
    dead_first,
    drawings,
    edge_bits,
    from_edge_bits,
    reordered,
    repaired,
)
from thalweg.core.errors import InvalidInput
from thalweg.spaces import AbstractNormalForm

Labels = Int64[np.ndarray, "n k"]  # the inner vertices' operations, by number


@dataclass(frozen=True)
class Cells(AbstractNormalForm):
    """Every cell of so many vertices and edges at most, each once.

    A row of parameters' values is the upper triangle of the adjacency matrix, row by
    row, then the inner vertices' operations. Every row is a cell: vertices without
    edges are left out, loose ends are tied to the input or the output, surplus edges
    taken away (`graphs.repaired`), so that uniform rows are spread nearly as widely as
    the cells are. The representative has the vertices that are left out first, with the
    middle operation.
    """

    vertices: int = 7  # input and output included
    edges: int = 9
    operations: int = 3

    def __post_init__(self) -> None:
        if self.operations < 1:
            raise InvalidInput(
                f"Cells need at least one operation, but got {self.operations}."
            )
        drawings(self.vertices, self.edges)  # checks the others

    @cached_property
    def levels(self) -> Mapping[str, int]:
        """Edges `edge_i_j`, present or not, and operations `op_i`."""
        above = zip(*np.triu_indices(self.vertices, 1), strict=True)
        edges = {f"edge_{i}_{j}": 2 for i, j in above}
        inner = range(1, self.vertices - 1)
        # a single operation is no choice
        labels = {f"op_{i}": self.operations for i in inner if self.operations > 1}
        return edges | labels

    @property
    def size(self) -> int:
        """The number of classes: 423,624 for NAS-Bench-101."""
        return len(self._table.graph)

    def canonical(self, index: Int64[np.ndarray, "n k"]) -> Int64[np.ndarray, "n k"]:
        """The representatives of rows of values' numbers."""
        return self.member(self.numbers(*self.drawn(index)))

    def drawn(self, index: Int64[np.ndarray, "n k"]) -> tuple[Graphs, Labels]:
        """The graphs and labels that rows of values' numbers spell out."""
        edges = self.vertices * (self.vertices - 1) // 2
        labels = index[:, edges:]
        if self.operations == 1:
            labels = np.zeros((len(index), self.vertices - 2), np.int64)
        return from_edge_bits(index[:, :edges] == 1), labels

    def numbers(self, graphs: Graphs, labels: Labels) -> Int64[np.ndarray, " n"]:
        """The cells' numbers, from 0 to `size - 1`: equal exactly if isomorphic."""
        table = self._table
        graphs = repaired(graphs, self.edges)
        order = dead_first(graphs)
        graphs = reordered(graphs, order)
        found = table.drawings.find(graphs)
        graph = table.drawings.graph[found]
        order = np.take_along_axis(order, table.drawings.order[found], 1)
        labels = np.take_along_axis(labels, order[:, 1:-1] - 1, 1)
        dead_ones = self.vertices - table.drawings.vertices[graph, None]
        dead = np.arange(1, self.vertices - 1) <= dead_ones
        labels = np.where(dead, self._filler, labels)
        return table.number[graph, labels @ self._digits]

    def cells(self, number: Int64[np.ndarray, " n"]) -> tuple[Graphs, Labels]:
        """The representatives' graphs and labels."""
        table = self._table
        labels = table.code[number, None] // self._digits % self.operations
        return table.drawings.own[table.graph[number]], labels

    def member(self, number: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, "n k"]:
        """The representatives of cells by number."""
        graphs, labels = self.cells(number)
        index = edge_bits(graphs).astype(np.int64)
        return index if self.operations == 1 else np.concatenate([index, labels], 1)

    def to_dict(self) -> dict[str, Any]:
        """The three numbers."""
        return {"type": "Cells", **asdict(self)}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "Cells":
        """The form of a record."""
        return cls(**{k: v for k, v in record.items() if k != "type"})

    @property
    def _filler(self) -> int:
        """The operation that is written at dead vertices."""
        return self.operations // 2

    @cached_property
    def _digits(self) -> Int64[np.ndarray, " k"]:
        """What each inner vertex's operation counts in a labelling's code."""
        return self.operations ** np.arange(self.vertices - 3, -1, -1)

    @cached_property
    def _table(self) -> "Table":
        return table(self.vertices, self.edges, self.operations)


@dataclass(frozen=True)
class Table:
    """All cells in order: by vertices, then by the graph's class, then by labelling."""

    drawings: Drawings
    graph: Int64[np.ndarray, " c"]
    code: Int64[np.ndarray, " c"]  # of the labelling
    number: Int64[np.ndarray, "g l"]  # of the cell, for each graph and labelling


@cache
def table(vertices: int, edges: int, operations: int) -> Table:
    """Lists the cells: less than a second for those of NAS-Bench-101."""
    drawn = drawings(vertices, edges)
    inner = vertices - 2
    digits = operations ** np.arange(inner - 1, -1, -1)
    codes = np.arange(operations**inner)
    labels = codes[:, None] // digits % operations
    smallest = np.tile(codes, (len(drawn.own), 1))
    for order, graphs in zip(drawn.orders, drawn.symmetric, strict=True):
        image = labels[:, order[1:-1] - 1] @ digits
        smallest[graphs] = np.minimum(smallest[graphs], image)
    own = smallest == codes
    own &= _proper(drawn, labels, operations)
    graph, code = np.nonzero(own)
    number = np.zeros(own.shape, np.int64)
    number[graph, code] = np.arange(len(graph))
    number = np.take_along_axis(number, smallest, 1)
    return Table(drawn, graph, code, number)


def _proper(
    drawn: Drawings, labels: Int64[np.ndarray, "l k"], operations: int
) -> Bool[np.ndarray, "g l"]:
    """Which labellings have the middle operation at each graph's dead vertices."""
    filled = labels == operations // 2
    proper = np.ones((len(drawn.own), len(labels)), bool)
    for vertices in np.unique(drawn.vertices):
        dead = labels.shape[1] - (vertices - 2)
        proper[drawn.vertices == vertices] = filled[:, :dead].all(1)
    return proper
