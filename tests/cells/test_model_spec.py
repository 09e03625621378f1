"""`ModelSpec` as users of NAS-Bench-101 know it, against records of the data set."""

import itertools

import numpy as np
import pytest

from thalweg.cells import ModelSpec
from thalweg.cells.model_spec import OPERATIONS, hash_module
from thalweg.core.errors import InvalidInput

C3, C1, MP = OPERATIONS
INCEPTION = ModelSpec(
    matrix=[
        [0, 1, 1, 1, 0, 1, 0],
        [0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 1, 0, 0],
        [0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 0, 0],
    ],
    ops=["input", C1, C3, C3, C3, MP, "output"],
)
FIRST = ModelSpec(  # of the data set's file
    matrix=[
        [0, 1, 0, 0, 1, 1, 0],
        [0, 0, 1, 0, 0, 0, 0],
        [0, 0, 0, 1, 0, 0, 1],
        [0, 0, 0, 0, 0, 1, 0],
        [0, 0, 0, 0, 0, 1, 0],
        [0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 0, 0],
    ],
    ops=["input", C3, MP, C3, C3, C1, "output"],
)
# hashes by the published program: (matrix, operations' numbers, hash)
RECORDED = [
    ("0100", "", "043721b9c7fe8c5fad811d47d83132ec"),
    ("010001000", "0", "b49ac8c578b4561d79ac7087988f1c61"),
    ("011001000", "1", "09fc2d10bdd6225e167a6f81a22a3f06"),
    ("0110001000010000", "21", "76e95ff773019375ce55737d623dea78"),
    ("0101001000010000", "12", "702ddef6b5b7f659ef1ed38652d91115"),
    ("0111001100010000", "02", "33d2a114f6385661657c44b49cc83815"),
    ("0101100111000110000100000", "222", "45584da276523d86a1ef2f7123974588"),
    ("0110100011000010000100000", "010", "c34df9e09804460814e8f3c50d9965fc"),
]


def test_hashes_of_the_data_set():
    assert FIRST.hash_spec(list(OPERATIONS)) == "00005c142e6f48ac74fdcf73e3439874"
    assert INCEPTION.hash_spec() == "28cfc7874f6d200472e1a9dcd8650aa0"


@pytest.mark.parametrize(("matrix", "ops", "expected"), RECORDED)
def test_hashes_of_the_published_program(matrix, ops, expected):
    size = int(len(matrix) ** 0.5)
    square = np.array([int(bit) for bit in matrix]).reshape(size, size)
    names = ["input", *(OPERATIONS[int(i)] for i in ops), "output"]
    assert ModelSpec(square, names).hash_spec() == expected


def test_hash_module_tells_apart_what_is_alike():
    """The published program's own hard cases."""
    chain = np.eye(5, k=1, dtype=int)
    assert hash_module(chain, [-1, 1, 0, 0, -2]) != hash_module(
        chain, [-1, 0, 0, 1, -2]
    )
    diamond = np.array([[0, 1, 1, 0], [0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 0]])
    assert hash_module(diamond, [-1, 1, 2, -2]) == hash_module(diamond, [-1, 2, 1, -2])


def test_dead_vertices_are_pruned():
    spec = ModelSpec(
        [
            [0, 1, 1, 0, 0, 1],
            [0, 0, 0, 0, 0, 0],  # leads nowhere
            [0, 0, 0, 0, 0, 1],
            [0, 0, 0, 0, 1, 0],  # comes from nowhere …
            [0, 0, 0, 0, 0, 1],  # … and so does this
            [0, 0, 0, 0, 0, 0],
        ],
        ["input", C1, MP, C3, C3, "output"],
    )
    assert spec.valid_spec
    np.testing.assert_array_equal(spec.matrix, [[0, 1, 1], [0, 0, 1], [0, 0, 0]])
    assert spec.ops == ["input", MP, "output"]
    assert spec.original_matrix.shape == (6, 6)
    assert len(spec.original_ops) == 6


def test_a_cell_without_a_path_is_invalid_but_no_error():
    spec = ModelSpec([[0, 1, 0], [0, 0, 0], [0, 0, 0]], ["input", C1, "output"])
    assert not spec.valid_spec
    assert spec.matrix is None
    assert spec.ops is None
    with pytest.raises(InvalidInput, match="path from its input to its output"):
        spec.hash_spec()


def test_permutations_are_isomorphic_and_hash_alike():
    rng = np.random.default_rng(0)
    for _ in range(40):
        matrix = np.triu(rng.random((7, 7)) < 0.5, 1)
        ops = ["input", *rng.choice(OPERATIONS, 5).tolist(), "output"]
        spec = ModelSpec(matrix, ops)
        if not spec.valid_spec:
            continue
        size = len(spec.ops)
        inner = rng.permutation(np.arange(1, size - 1))
        moved = spec.matrix[np.ix_([0, *inner, size - 1], [0, *inner, size - 1])]
        if np.tril(moved).any():
            continue
        other = spec.permuted([0, *inner.tolist(), size - 1])
        assert spec.is_isomorphic(other)
        assert other.hash_spec() == spec.hash_spec()


def test_isomorphism_agrees_with_hashes_and_with_brute_force():
    rng = np.random.default_rng(1)
    specs = []
    while len(specs) < 40:
        matrix = np.triu(rng.random((5, 5)) < 0.6, 1)
        spec = ModelSpec(matrix, ["input", *rng.choice([C1, C3], 3), "output"])
        if spec.valid_spec:
            specs.append(spec)
    same = 0
    for a, b in itertools.combinations(specs, 2):
        expected = len(a.ops) == len(b.ops) and any(
            (a.matrix[np.ix_(p, p)] == b.matrix).all()
            and [a.ops[i] for i in p] == b.ops
            for inner in itertools.permutations(range(1, len(a.ops) - 1))
            for p in [[0, *inner, len(a.ops) - 1]]
        )
        assert a.is_isomorphic(b) == expected
        assert (a.hash_spec() == b.hash_spec()) == expected
        same += expected
    assert same > 5


@pytest.mark.parametrize(
    ("matrix", "ops", "message"),
    [
        ([[0, 1]], ["input", "output"], "square"),
        ([[0, 1], [0, 0]], ["input", C1, "output"], "each of the 2 vertices"),
        ([[0, 1], [1, 0]], ["input", "output"], "upper triangular"),
        ([[1, 1], [0, 0]], ["input", "output"], "upper triangular"),
        ([[0, 2], [0, 0]], ["input", "output"], "0 and 1"),
    ],
)
def test_bad_input_is_named(matrix, ops, message):
    with pytest.raises(InvalidInput, match=message):
        ModelSpec(matrix, ops)


def test_unknown_operations_are_named():
    spec = ModelSpec(np.eye(3, k=1), ["input", "conv5x5", "output"])
    with pytest.raises(InvalidInput, match="conv5x5"):
        spec.hash_spec()


def test_bad_orders_are_named():
    with pytest.raises(InvalidInput, match="each of 0 to 6 once"):
        INCEPTION.permuted([0, 0, 1, 2, 3, 4, 6])
