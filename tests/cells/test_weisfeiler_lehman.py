"""Subtree counts: by hand, blind to drawings, and telling different cells apart."""

import numpy as np

from thalweg.cells import nasbench101, nasbench201
from thalweg.cells.weisfeiler_lehman import (
    BUCKETS,
    of_nasbench101,
    of_nasbench201,
    subtree_counts,
)


def rows(*cells: str) -> np.ndarray:
    short = {
        "0": "none",
        "s": "skip_connect",
        "1": "nor_conv_1x1",
        "3": "nor_conv_3x3",
        "p": "avg_pool_3x3",
    }
    names = list(nasbench201.space().parameters)
    return nasbench201.space().encode(
        [dict(zip(names, (short[c] for c in cell), strict=True)) for cell in cells]
    )


def test_counts_of_a_chain_and_its_reversal():
    graph = np.zeros((2, 3, 3), bool)
    graph[:, 0, 1] = graph[:, 1, 2] = True
    labels = np.array([[0, 1, 1], [1, 1, 0]])
    counts = subtree_counts(graph, labels, rounds=1)
    assert counts.shape == (2, 2 * BUCKETS)
    np.testing.assert_array_equal(counts.sum(1), 6)
    first, second = counts[:, :BUCKETS], counts[:, BUCKETS:]
    assert sorted(first[0][first[0] > 0]) == [1, 2]
    np.testing.assert_array_equal(first[0], first[1])  # the same labels
    assert (second[0] != second[1]).any()  # before other ones


def test_absent_vertices_don_t_count():
    graph = np.ones((1, 4, 4), bool)
    none = subtree_counts(graph, np.full((1, 4), -1))
    assert not none.any()
    two = subtree_counts(graph, np.array([[3, -1, 5, -1]]), rounds=0)
    assert two.sum() == 2


def test_the_order_of_the_vertices_doesn_t_matter():
    rng = np.random.default_rng(0)
    graphs = np.triu(rng.random((20, 7, 7)) < 0.4, 1)
    labels = rng.integers(-1, 4, (20, 7))
    order = rng.permutation(7)
    moved = subtree_counts(graphs[:, order][:, :, order], labels[:, order])
    np.testing.assert_array_equal(moved, subtree_counts(graphs, labels))


def test_most_cells_of_nasbench101_are_told_apart():
    x = nasbench101.random_cells(300, np.random.default_rng(0))
    assert len(np.unique(of_nasbench101(x), axis=0)) > 270


def test_edges_that_compute_the_same_have_the_same_features():
    """One convolution: directly, by way of node 1, and by way of node 2."""
    features = of_nasbench201(rows("000300", "3000s0", "0s0003", "s000s0", "300000"))
    np.testing.assert_array_equal(features[0], features[1])
    np.testing.assert_array_equal(features[0], features[2])
    assert (features[3] != features[0]).any()  # skips alone
    assert not features[4].any()  # leads nowhere


def test_the_order_of_operations_matters():
    a, b = of_nasbench201(rows("300010", "100030"))
    np.testing.assert_array_equal(a[:BUCKETS], b[:BUCKETS])
    assert (a[BUCKETS:] != b[BUCKETS:]).any()
