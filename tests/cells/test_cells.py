"""Cells up to isomorphism: counts, numbers, representatives, repair."""

import itertools

import numpy as np
import pytest

from thalweg.cells import Cells, ModelSpec, graphs, nasbench101
from thalweg.cells.model_spec import hash_module
from thalweg.core.errors import InvalidInput

SMALL = Cells(vertices=5, edges=6, operations=2)
OPS = ("a", "b", "c")


def every_row(form):
    """All rows of values' numbers of a small form."""
    axes = [range(levels) for levels in form.levels.values()]
    return np.array(list(itertools.product(*axes)), np.int64)


def spec_of(form, row):
    bits, labels = form.drawn(np.asarray(row)[None])
    ops = ["input", *(OPS[i] for i in labels[0]), "output"]
    return ModelSpec(bits[0].astype(int), ops)


def test_there_are_as_many_cells_as_published():
    assert nasbench101.cells().size == 423_624


@pytest.mark.parametrize(
    ("vertices", "edges", "operations", "size"),
    # 2 vertices: the edge; 3: a chain, with or without the edge beside it
    [(2, 9, 3, 1), (3, 9, 3, 7), (3, 2, 3, 4), (3, 1, 5, 1), (3, 3, 1, 3)],
)
def test_sizes_that_one_can_count_by_hand(vertices, edges, operations, size):
    form = Cells(vertices, edges, operations)
    assert form.size == size
    rows = form.canonical(every_row(form))
    assert len(np.unique(rows, axis=0)) == size


def test_every_drawing_has_the_number_of_its_hash():
    drawings = np.random.default_rng(0).permutation(every_row(SMALL))[:1200]
    rows = np.concatenate([SMALL.member(np.arange(SMALL.size)), drawings])
    number = SMALL.numbers(*SMALL.drawn(rows))
    seen = {}
    for row, n in zip(rows, number.tolist(), strict=True):
        spec = spec_of(SMALL, row)
        rebuilt = not spec.valid_spec or spec.matrix.sum() < spec.original_matrix.sum()
        if not rebuilt and spec.matrix.sum() <= SMALL.edges:
            assert seen.setdefault(spec.hash_spec(OPS), n) == n
    assert len(seen) == len(set(seen.values())) == SMALL.size


def test_numbers_and_representatives_are_inverse():
    every = np.arange(SMALL.size)
    rows = SMALL.member(every)
    np.testing.assert_array_equal(SMALL.numbers(*SMALL.drawn(rows)), every)
    np.testing.assert_array_equal(SMALL.canonical(rows), rows)
    drawn, labels = SMALL.cells(every)
    np.testing.assert_array_equal(SMALL.numbers(drawn, labels), every)
    np.testing.assert_array_equal(graphs.pruned(drawn), drawn)


def test_the_order_of_the_vertices_does_not_matter():
    form, rng = nasbench101.cells(), np.random.default_rng(0)
    number = rng.integers(form.size, size=3000)
    drawn, labels = form.cells(number)
    order = np.array([[0, *(1 + rng.permutation(5)), 6] for _ in number])
    moved = graphs.reordered(drawn, order)
    triangular = ~np.tril(moved).any((1, 2))
    assert triangular.sum() > 10
    labels = np.take_along_axis(labels, order[:, 1:-1] - 1, 1)
    found = form.numbers(moved[triangular], labels[triangular])
    np.testing.assert_array_equal(found, number[triangular])


def test_repair_keeps_what_is_valid_and_mends_the_rest():
    rows = every_row(SMALL)
    drawn, _ = SMALL.drawn(rows)
    mended = graphs.repaired(drawn, SMALL.edges)
    alive = (graphs.pruned(drawn) == drawn).all((1, 2)) & drawn.any((1, 2))
    fine = alive & (drawn.sum((1, 2)) <= SMALL.edges)
    np.testing.assert_array_equal(mended[fine], drawn[fine])
    assert not (mended == drawn).all((1, 2))[~fine].any()
    count = mended.sum((1, 2))
    assert ((count > 0) & (count <= SMALL.edges)).all()
    np.testing.assert_array_equal(graphs.pruned(mended), mended)
    np.testing.assert_array_equal(graphs.repaired(mended, SMALL.edges), mended)
    # what is added leads from the input or to the output
    added = mended & ~drawn
    added[:, 0, :] = added[:, :, -1] = False
    assert not added.any()


def test_repair_takes_no_vertex_while_it_can():
    full = np.triu(np.ones((1, 7, 7), bool), 1)
    mended = graphs.repaired(full, 9)
    assert mended.sum() == 9
    assert graphs.live(mended).all()
    fan = np.zeros((1, 7, 7), bool)
    fan[:, 0, 1:6] = fan[:, 1:6, 6] = True  # ten edges, none of them to spare
    mended = graphs.repaired(fan, 9)
    assert mended.sum() == 8
    assert graphs.live(mended).sum() == 6


def test_one_edge_brings_a_vertex_to_life():
    drawn = np.zeros((2, 7, 7), bool)
    drawn[:, 0, 6] = True
    drawn[0, 1, 6] = True
    drawn[1, 0, 1] = True
    mended = graphs.repaired(drawn, 9)
    assert (graphs.live(mended).sum(1) == 3).all()
    assert (mended.sum((1, 2)) == 3).all()


def test_uniform_rows_are_spread_as_the_cells_are():
    """Most cells have seven vertices (85 %) and nine edges (77 %), and so have rows."""
    form, rng = nasbench101.cells(), np.random.default_rng(0)
    rows = np.concatenate(
        [rng.integers(0, 2, (4000, 21)), rng.integers(0, 3, (4000, 5))], 1
    )
    drawn, _ = form.drawn(form.canonical(rows))
    assert np.mean(drawn.sum((1, 2)) == 9) > 0.9
    assert np.mean(graphs.live(drawn).all(1)) > 0.85
    assert len(np.unique(form.numbers(*form.drawn(rows)))) > 3500


def test_live_against_paths_one_by_one():
    rng = np.random.default_rng(1)
    drawn = np.triu(rng.random((200, 6, 6)) < 0.4, 1)
    alive = graphs.live(drawn)
    for graph, found in zip(drawn, alive, strict=True):
        reach = np.linalg.matrix_power(np.eye(6, dtype=int) + graph, 6) > 0
        np.testing.assert_array_equal(found, reach[0] & reach[:, 5])


@pytest.mark.parametrize("bad", [(8, 9, 3), (1, 9, 3), (7, 0, 3), (7, 9, 0)])
def test_sizes_out_of_range_are_refused(bad):
    with pytest.raises(InvalidInput, match="Cells"):
        Cells(*bad)


def test_records():
    assert Cells.from_dict(SMALL.to_dict()) == SMALL
    assert hash(Cells.from_dict(SMALL.to_dict())) == hash(SMALL)


@pytest.mark.exhaustive
def test_all_official_hashes_differ():
    """Our classes are those of the data set."""
    form = nasbench101.cells()
    drawn, labels = form.cells(np.arange(form.size))
    ends = np.array([-1, -2])
    hashes = set()
    for graph, label in zip(drawn, labels, strict=True):
        kept = np.flatnonzero(graph.any(0) | graph.any(1))
        every = np.concatenate([ends[:1], label, ends[1:]])[kept]
        hashes.add(hash_module(graph[np.ix_(kept, kept)], every.tolist()))
    assert len(hashes) == 423_624
