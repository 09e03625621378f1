"""One cell as users of NAS-Bench-101 write it: `ModelSpec(matrix=..., ops=...)`.

Ying et al. 2019, https://arxiv.org/abs/1902.09635. Pruning, hashes (bit by bit) and the
attributes' names agree with https://github.com/google-research/nasbench.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Int8

from thalweg.cells.graphs import live
from thalweg.core.errors import InvalidInput

INPUT, OUTPUT = "input", "output"
CONV3X3, CONV1X1, MAXPOOL3X3 = "conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3"
OPERATIONS = (CONV3X3, CONV1X1, MAXPOOL3X3)  # in the order that hashes number them


class ModelSpec:
    """A directed graph of operations; vertices that no path meets are pruned.

    `matrix` is upper triangular with ones where an edge leads from the row's vertex to
    the column's; `ops` names the vertices' operations, the first "input" and the last
    "output". `matrix` and `ops` then hold the pruned cell, or None where no path leads
    from the input to the output (`valid_spec` is False); what was given is kept as
    `original_matrix` and `original_ops`. Not meant to be changed.
    """

    def __init__(self, matrix: Any, ops: Sequence[str]):
        given = np.array(matrix)
        if given.ndim != 2 or given.shape[0] != given.shape[1] or len(given) < 2:
            raise InvalidInput(
                "`matrix` must be square with a row per vertex, at least two, but got "
                f"shape {given.shape}."
            )
        if not np.isin(given, (0, 1)).all():
            raise InvalidInput("`matrix` must hold only 0 and 1, but got other values.")
        if np.tril(given).any():
            raise InvalidInput(
                "`matrix` must be upper triangular, but got an edge from a vertex to "
                "itself or to an earlier one. Number the vertices along the edges."
            )
        if len(ops) != len(given):
            raise InvalidInput(
                f"`ops` must name an operation for each of the {len(given)} vertices, "
                f"but got {len(ops)}."
            )
        self.original_matrix: Int8[np.ndarray, "o o"] = given.astype(np.int8)
        self.original_ops = list(ops)
        self.matrix: Int8[np.ndarray, "v v"] | None = None
        self.ops: list[str] | None = None
        kept = np.flatnonzero(live(self.original_matrix[None] == 1)[0])
        self.valid_spec = len(kept) > 0
        if self.valid_spec:
            self.matrix = self.original_matrix[np.ix_(kept, kept)]
            self.ops = [self.original_ops[i] for i in kept]

    def cell(self) -> tuple[Int8[np.ndarray, "v v"], list[str]]:
        """The pruned matrix and operations; an error where there is no path."""
        if self.matrix is None or self.ops is None:
            raise InvalidInput(
                "The cell must have a path from its input to its output, but "
                f"{self!r} has none."
            )
        return self.matrix, self.ops

    def hash_spec(self, canonical_ops: Sequence[str] = OPERATIONS) -> str:
        """The data set's key: equal for isomorphic cells.

        `canonical_ops` numbers the operations; the data set has them in this order.
        """
        matrix, ops = self.cell()
        for op in ops[1:-1]:
            if op not in canonical_ops:
                raise InvalidInput(
                    f"Operations must be among {', '.join(canonical_ops)}, but got "
                    f"{op!r}."
                )
        labels = [list(canonical_ops).index(op) for op in ops[1:-1]]
        return hash_module(matrix, [-1, *labels, -2])

    def permuted(self, order: Sequence[int]) -> "ModelSpec":
        """The cell whose vertex `i` is what was vertex `order[i]` of the pruned one."""
        matrix, ops = self.cell()
        if sorted(order) != list(range(len(ops))):
            raise InvalidInput(
                f"`order` must hold each of 0 to {len(ops) - 1} once, but got "
                f"{list(order)}."
            )
        return ModelSpec(matrix[np.ix_(order, order)], [ops[i] for i in order])

    def is_isomorphic(self, other: "ModelSpec") -> bool:
        """Whether some order of the vertices makes the pruned cells equal."""
        (a, ops_a), (b, ops_b) = self.cell(), other.cell()
        return _matches(a, b, [(op, "") for op in ops_a], [(op, "") for op in ops_b])

    def __repr__(self) -> str:
        return f"ModelSpec({self.original_matrix.tolist()}, {self.original_ops})"


def hash_module(matrix: np.ndarray, labels: Sequence[int]) -> str:
    """The MD5 fingerprint of a labelled graph, from `v` rounds of colour refinement.

    Each vertex begins with the digest of its numbers of edges out and in and its label,
    and takes up the sorted digests of its neighbours in every round.
    """
    matrix = np.asarray(matrix)
    into = [np.flatnonzero(column).tolist() for column in matrix.T]
    out = [np.flatnonzero(row).tolist() for row in matrix]
    digests = [
        _md5(str((len(out[v]), len(into[v]), int(labels[v]))))
        for v in range(len(matrix))
    ]
    for _ in range(len(matrix)):
        digests = [
            _md5(
                "".join(sorted(digests[w] for w in into[v]))
                + "|"
                + "".join(sorted(digests[w] for w in out[v]))
                + "|"
                + digests[v]
            )
            for v in range(len(matrix))
        ]
    return _md5(str(sorted(digests)))


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _matches(a: np.ndarray, b: np.ndarray, colour_a: list, colour_b: list) -> bool:
    """Whether a bijection keeps edges and colours: refine, then try and refine."""
    for _ in range(len(a)):
        colour_a, colour_b = _refined(a, colour_a), _refined(b, colour_b)
    if sorted(colour_a) != sorted(colour_b):
        return False
    twins = {c for c in colour_a if colour_a.count(c) > 1}
    if not twins:
        order = [colour_b.index(c) for c in colour_a]
        return bool((a == b[np.ix_(order, order)]).all())
    colour = min(twins)
    first = _marked(colour_a, colour_a.index(colour))
    return any(
        _matches(a, b, first, _marked(colour_b, w))
        for w, c in enumerate(colour_b)
        if c == colour
    )


def _marked(colours: list, vertex: int) -> list:
    return [(c, "*" if v == vertex else "") for v, c in enumerate(colours)]


def _refined(matrix: np.ndarray, colours: list) -> list:
    """Digests of each vertex's colour and of its neighbours'."""
    return [
        _md5(
            repr(
                (
                    colours[v],
                    sorted(repr(colours[w]) for w in np.flatnonzero(matrix[:, v])),
                    sorted(repr(colours[w]) for w in np.flatnonzero(matrix[v])),
                )
            )
        )
        for v in range(len(matrix))
    ]
