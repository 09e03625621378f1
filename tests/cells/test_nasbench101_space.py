"""The cells of NAS-Bench-101 as a space: rows, cells, sampling, mutation, encodings."""

import itertools

import numpy as np
import pytest

from thalweg.cells import ModelSpec, encodings, nasbench101
from thalweg.cells.nasbench101 import OPERATIONS
from thalweg.core.errors import InvalidInput
from thalweg.proposers import PROPOSERS
from thalweg.spaces import Space, row_keys
from thalweg.testing.proposers import Driver

C3, C1, MP = OPERATIONS
SPACE = nasbench101.space()


def uniform(n, seed=0):
    return np.random.default_rng(seed).random((n, SPACE.dim))


def drawn_specs(n, seed=0):
    rng = np.random.default_rng(seed)
    return [nasbench101.random_spec(rng) for _ in range(n)]


def test_the_space_counts_and_survives_json():
    assert SPACE.size == 423_624
    assert SPACE.dim == 26
    again = Space.from_json(SPACE.to_json())
    assert again == SPACE
    assert hash(again) == hash(SPACE)
    assert again.size == SPACE.size


def test_rows_are_equal_exactly_if_cells_are_isomorphic():
    x = SPACE.canonical(uniform(400))
    np.testing.assert_array_equal(SPACE.canonical(x), x)
    np.testing.assert_array_equal(SPACE.encode(SPACE.decode(x)), x)
    specs = nasbench101.specs(x)
    hashes = [spec.hash_spec() for spec in specs]
    assert len(set(hashes)) == len(set(row_keys(x))) < len(x)
    assert len(set(zip(hashes, row_keys(x), strict=True))) == len(set(hashes))
    np.testing.assert_array_equal(nasbench101.rows(specs), x)
    assert all(map(nasbench101.is_valid, specs))


def test_rows_mean_the_same_to_the_space_and_to_the_form():
    u = uniform(200, seed=1)
    x = SPACE.canonical(u)
    np.testing.assert_array_equal(nasbench101.rows_of(nasbench101.numbers(u)), x)
    for config, spec in zip(SPACE.decode(u), nasbench101.specs(x), strict=True):
        matrix = np.zeros((7, 7), int)
        for i, j in itertools.combinations(range(7), 2):
            matrix[i, j] = config[f"edge_{i}_{j}"]
        ops = ["input", *(config[f"op_{i}"] for i in range(1, 6)), "output"]
        again = ModelSpec(matrix, ops)
        assert again.hash_spec() == spec.hash_spec()


def test_valid_cells_keep_their_hash():
    for spec in drawn_specs(60):
        row = nasbench101.rows([spec])
        assert nasbench101.specs(row)[0].hash_spec() == spec.hash_spec()


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (ModelSpec(np.eye(8, k=1), ["input", *[C3] * 6, "output"]), "7 vertices"),
        (
            ModelSpec(np.triu(np.ones((6, 6)), 1), ["input", *[C3] * 4, "output"]),
            "9 edges",
        ),
        (ModelSpec(np.eye(3, k=1), ["input", "relu", "output"]), "'relu'"),
        (ModelSpec(np.eye(3, k=1), [C3, C3, "output"]), "first operation"),
        (ModelSpec(np.zeros((2, 2)), ["input", "output"]), "path"),
    ],
)
def test_cells_of_other_spaces_are_named(spec, message):
    assert not nasbench101.is_valid(spec)
    with pytest.raises(InvalidInput, match=message):
        nasbench101.rows([spec])


def test_rows_of_a_wrong_shape_are_named():
    with pytest.raises(InvalidInput, match="26 coordinates"):
        nasbench101.numbers(np.zeros((2, 25)))


def test_cells_are_drawn_uniformly_over_cells():
    x = nasbench101.random_cells(4000, np.random.default_rng(0))
    np.testing.assert_array_equal(SPACE.canonical(x[:100]), x[:100])
    edges = encodings.adjacency(x)[:, :21].sum(1)
    # the classes by hand: 77.5 % have nine edges
    share = np.mean(edges == 9)
    assert abs(share - 0.77491) < 5 * np.sqrt(0.775 * 0.225 / 4000)


def test_cells_are_drawn_as_the_paper_draws_them():
    """Against rejection from all matrices: the bare edge's share, computed exactly."""
    specs = drawn_specs(300, seed=3)
    bits = np.arange(2**21)[:, None] >> np.arange(21) & 1
    from thalweg.cells import graphs

    some = np.random.default_rng(0).choice(len(bits), 60_000, replace=False)
    pruned = graphs.pruned(graphs.from_edge_bits(bits[some] == 1))
    edges = pruned.sum((1, 2))
    expected = np.mean(edges[(edges > 0) & (edges <= 9)] == 1)
    found = np.mean([len(spec.ops) == 2 for spec in specs])
    error = np.sqrt(expected * (1 - expected) / len(specs))
    assert abs(found - expected) < 5 * error


def test_mutations_are_valid_and_near():
    rng = np.random.default_rng(0)
    flips, changes = [], []
    for spec in drawn_specs(150):
        child = nasbench101.mutated(spec, rng)
        assert nasbench101.is_valid(child)
        flips.append((child.original_matrix != spec.original_matrix).sum())
        pairs = zip(child.original_ops, spec.original_ops, strict=True)
        changes.append(sum(a != b for a, b in pairs))
    # 21 / 7 and 5 / 5 expected, but for what rejection changes
    assert 2 < np.mean(flips) < 3.5
    assert 0.7 < np.mean(changes) < 1.3


def test_without_a_rate_nothing_mutates():
    spec = drawn_specs(1)[0]
    child = nasbench101.mutated(spec, np.random.default_rng(0), rate=0.0)
    np.testing.assert_array_equal(child.original_matrix, spec.original_matrix)
    assert child.original_ops == spec.original_ops


def test_small_cells_grow_by_mutation():
    bare = ModelSpec([[0, 1], [0, 0]], ["input", "output"])
    rng = np.random.default_rng(0)
    sizes = {len(nasbench101.mutated(bare, rng).ops) for _ in range(100)}
    assert max(sizes) > 3
    with pytest.raises(InvalidInput, match="at most 7 vertices"):
        nasbench101.mutated(
            ModelSpec(np.eye(8, k=1), ["input", *[C3] * 6, "output"]), rng
        )


def paths_by_walking(spec, longest):
    """Sets of operations' sequences, by depth-first search."""
    found = set()

    def walk(vertex, path):
        if vertex == len(spec.ops) - 1:
            found.add(path)
            return
        for after in np.flatnonzero(spec.matrix[vertex]).tolist():
            op = spec.ops[after]
            walk(after, path if op == "output" else (*path, OPERATIONS.index(op)))

    walk(0, ())
    return {path for path in found if len(path) <= longest}


@pytest.mark.parametrize("longest", [0, 1, 3, 5])
def test_paths_against_walking(longest):
    x = nasbench101.random_cells(80, np.random.default_rng(2))
    features = encodings.paths(x, longest=longest)
    every = [
        path
        for length in range(longest + 1)
        for path in itertools.product(range(3), repeat=length)
    ]
    assert features.shape == (80, len(every))
    for row, spec in zip(features, nasbench101.specs(x), strict=True):
        found = {every[i] for i in np.flatnonzero(row)}
        assert found == paths_by_walking(spec, longest)


def test_truncated_paths_are_those_of_bananas():
    x = nasbench101.random_cells(5, np.random.default_rng(0))
    np.testing.assert_array_equal(
        encodings.truncated_paths(x), encodings.paths(x)[:, :40]
    )
    with pytest.raises(InvalidInput, match="from 0 to 5"):
        encodings.paths(x, longest=6)


def test_adjacency_is_the_cell():
    x = SPACE.canonical(uniform(200, seed=5))
    features = encodings.adjacency(x)
    assert features.shape == (200, 36)
    assert len(np.unique(features, axis=0)) == len(np.unique(x, axis=0))
    for row, spec in zip(features, nasbench101.specs(x), strict=True):
        assert row[:21].sum() == spec.matrix.sum()
        assert row[21:].sum() == len(spec.ops) - 2


def test_continuous_adjacency_reaches_valid_cells():
    u = np.random.default_rng(0).random((300, 27))
    x = encodings.from_continuous(u)
    np.testing.assert_array_equal(SPACE.canonical(x), x)
    # the one heaviest edge, if it is the one from input to output
    u = np.zeros((1, 27))
    u[0, 5] = 1.0
    assert nasbench101.specs(encodings.from_continuous(u))[0].ops == ["input", "output"]
    with pytest.raises(InvalidInput, match="share of edges"):
        encodings.from_continuous(u[:, 1:])


@pytest.mark.parametrize("name", ["random", "sobol", "grid", "gp"])
def test_proposers_search_cells_and_pay_for_none_twice(name):
    def loss(config):
        return -sum(config[f"op_{i}"] == C3 for i in range(1, 6))

    driver = Driver(PROPOSERS[name](), SPACE).run(loss, 40, batch=8)
    x = np.concatenate([row.x for row in driver.asked])
    np.testing.assert_array_equal(SPACE.canonical(x), x)
    hashes = {spec.hash_spec() for spec in nasbench101.specs(x)}
    assert len(hashes) == len(x) == 40
