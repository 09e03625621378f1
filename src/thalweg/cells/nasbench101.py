"""The cells of NAS-Bench-101 as a space to search: 423,624 of them, each once.

Ying et al. 2019, https://arxiv.org/abs/1902.09635; random cells and mutations as in
https://github.com/google-research/nasbench (NASBench.ipynb).

    space = nasbench101.space()
    x = nasbench101.rows([ModelSpec(matrix, ops)])  # canonical rows of the unit cube
    specs = nasbench101.specs(x)
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
from jaxtyping import Float64, Int64

from thalweg.cells.cells import Cells
from thalweg.cells.model_spec import INPUT, OPERATIONS, OUTPUT, ModelSpec
from thalweg.core.errors import InvalidInput
from thalweg.spaces import Choice, Space
from thalweg.spaces.parameter import equal_cells, equal_centres

VERTICES = 7  # at most, input and output included
EDGES = 9  # at most
INNER = VERTICES - 2
SLOTS = VERTICES * (VERTICES - 1) // 2  # places for edges

Rows = Float64[np.ndarray, "n d"]


@cache
def space() -> Space:
    """Edges `edge_i_j` (0 or 1) and operations `op_i`, up to isomorphism.

    Every row of the cube is a cell (see `Cells`), and canonical rows are equal exactly
    if the cells are isomorphic. A configuration with dead parts is not pruned but
    repaired: go through `rows` to have it as a `ModelSpec` is.
    """
    form = cells()
    edges = {n: Choice([0, 1]) for n in form.levels if n.startswith("edge")}
    labels = {f"op_{i}": Choice(OPERATIONS) for i in range(1, VERTICES - 1)}
    return Space({**edges, **labels}, normal_form=form)


@cache
def cells() -> Cells:
    """The form whose numbers, from 0 to 423,623, name the cells."""
    return Cells(VERTICES, EDGES, len(OPERATIONS))


def numbers(x: Rows) -> Int64[np.ndarray, " n"]:
    """The number of each row's cell: the place where tables keep it."""
    form = cells()
    return form.numbers(*form.drawn(_index(x)))


def rows_of(number: Int64[np.ndarray, " n"]) -> Rows:
    """The canonical rows of cells by number."""
    return _centres(cells().member(np.asarray(number)))


def specs(x: Rows) -> list[ModelSpec]:
    """The rows' cells, pruned, with their vertices in canonical order."""
    graphs, labels = cells().cells(numbers(x))
    made = []
    for graph, label in zip(graphs, labels, strict=True):
        ops = [INPUT, *(OPERATIONS[i] for i in label), OUTPUT]
        chosen = np.flatnonzero(graph.any(0) | graph.any(1))
        matrix = graph[np.ix_(chosen, chosen)].astype(np.int8)
        made.append(ModelSpec(matrix, [ops[i] for i in chosen]))
    return made


def rows(specs: Sequence[ModelSpec]) -> Rows:
    """The canonical rows of cells; an error for one that is not of this space."""
    return rows_of(numbers_of(specs))


def numbers_of(specs: Sequence[ModelSpec]) -> Int64[np.ndarray, " n"]:
    """The cells' numbers; an error for one that is not of this space."""
    graphs = np.zeros((len(specs), VERTICES, VERTICES), bool)
    labels = np.zeros((len(specs), INNER), np.int64)
    for i, spec in enumerate(specs):
        check(spec)
        matrix, ops = spec.cell()
        places = [0, *range(VERTICES - len(ops) + 1, VERTICES)]
        graphs[i][np.ix_(places, places)] = matrix
        for place, op in zip(places[1:-1], ops[1:-1], strict=True):
            labels[i, place - 1] = OPERATIONS.index(op)
    return cells().numbers(graphs, labels)


def check(spec: ModelSpec) -> None:
    """Raises unless the pruned cell is one of the 423,624."""
    matrix, ops = spec.cell()
    if len(ops) > VERTICES:
        raise InvalidInput(
            f"A cell has at most {VERTICES} vertices after pruning, but got {len(ops)}."
        )
    if matrix.sum() > EDGES:
        raise InvalidInput(
            f"A cell has at most {EDGES} edges after pruning, but got {matrix.sum()}."
        )
    if ops[0] != INPUT or ops[-1] != OUTPUT:
        raise InvalidInput(
            f"The first operation must be {INPUT!r} and the last {OUTPUT!r}, but got "
            f"{ops[0]!r} and {ops[-1]!r}."
        )
    for op in ops[1:-1]:
        if op not in OPERATIONS:
            raise InvalidInput(
                f"Operations must be among {', '.join(OPERATIONS)}, but got {op!r}."
            )


def is_valid(spec: ModelSpec) -> bool:
    """Whether the pruned cell is one of the 423,624."""
    try:
        check(spec)
    except InvalidInput:
        return False
    return True


def random_cells(n: int, rng: np.random.Generator) -> Rows:
    """`n` cells, each of the 423,624 with the same probability, also twice."""
    return rows_of(rng.integers(cells().size, size=n))


def random_spec(rng: np.random.Generator) -> ModelSpec:
    """A cell as the paper draws it: every edge by the toss of a coin, until valid.

    Small cells come far more often than from `random_cells`: a tenth are the bare edge
    from input to output, and 3 in 1,000 have seven vertices, as 85 % of the cells do.
    """
    while True:
        matrix = np.triu(rng.integers(0, 2, (VERTICES, VERTICES)), 1)
        ops = [OPERATIONS[i] for i in rng.integers(len(OPERATIONS), size=INNER)]
        spec = ModelSpec(matrix, [INPUT, *ops, OUTPUT])
        if is_valid(spec):
            return spec


def mutated(
    spec: ModelSpec, rng: np.random.Generator, *, rate: float = 1.0
) -> ModelSpec:
    """A valid neighbour, as regularized evolution in the paper makes it.

    Of the cell as it was given, before pruning: each place for an edge flips with
    probability `rate / 7`, each operation changes with probability `rate / 5`; again
    from the start until the result is valid. It may be the same cell. A cell that was
    given with fewer than 7 vertices gets unconnected ones, so that it can grow.
    """
    missing = VERTICES - len(spec.original_ops)
    if missing < 0:
        raise InvalidInput(
            f"A cell to be mutated has at most {VERTICES} vertices, but got "
            f"{len(spec.original_ops)}."
        )
    places = [0, *range(missing + 1, VERTICES)]
    matrix = np.zeros((VERTICES, VERTICES), np.int8)
    matrix[np.ix_(places, places)] = spec.original_matrix
    added = [OPERATIONS[i] for i in rng.integers(len(OPERATIONS), size=missing)]
    known = [spec.original_ops[0], *added, *spec.original_ops[1:]]
    while True:
        flips = np.triu(rng.random(matrix.shape) < rate / VERTICES, 1)
        ops = list(known)
        for i in 1 + np.flatnonzero(rng.random(INNER) < rate / INNER):
            ops[i] = str(rng.choice([op for op in OPERATIONS if op != ops[i]]))
        made = ModelSpec(matrix ^ flips, ops)
        if is_valid(made):
            return made


def _index(x: Rows) -> Int64[np.ndarray, "n d"]:
    """The values' numbers at rows of the cube."""
    x = np.asarray(x, np.float64)
    if x.ndim != 2 or x.shape[1] != SLOTS + INNER:
        raise InvalidInput(
            f"Rows of this space have {SLOTS + INNER} coordinates, but got an array of "
            f"shape {x.shape}."
        )
    edges, labels = x[:, :SLOTS], x[:, SLOTS:]
    return np.concatenate(
        [equal_cells(edges, 2), equal_cells(labels, len(OPERATIONS))], 1
    )


def _centres(index: Int64[np.ndarray, "n d"]) -> Rows:
    """The middles of the values' cells."""
    edges, labels = index[:, :SLOTS], index[:, SLOTS:]
    return np.concatenate(
        [equal_centres(edges, 2), equal_centres(labels, len(OPERATIONS))], 1
    )
