"""The classes of NAS-Bench-201's cells, and what predictors see of them."""

import itertools
from collections import Counter

import numpy as np
import pytest

from thalweg.cells import nasbench201
from thalweg.cells.nasbench201 import EDGES, OPERATIONS
from thalweg.core.errors import InvalidInput
from thalweg.proposers import Random
from thalweg.spaces import Space, row_keys
from thalweg.testing.proposers import Driver

SPACE = nasbench201.space(isomorphic=True)


def every_cell():
    index = np.array(list(itertools.product(range(5), repeat=6)))
    return (index + 0.5) / 5


def row(**edges):
    """A cell whose other edges are "none"."""
    config = {f"edge_{i}_{j}": "none" for i, j in EDGES} | edges
    return nasbench201.space().encode([config])


def test_there_are_as_many_classes_as_published():
    classes = nasbench201.classes()
    assert len(classes) == 15_625
    assert len(np.unique(classes)) == SPACE.size == 6_466
    np.testing.assert_array_equal(classes[classes], classes)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        # a skip is no step, and the order of a node's inputs doesn't matter
        (
            row(edge_0_1="skip_connect", edge_0_3="nor_conv_1x1", edge_1_3="none"),
            row(edge_0_1="skip_connect", edge_0_3="none", edge_1_3="nor_conv_1x1"),
        ),
        # what reaches node 1 leads nowhere
        (row(edge_0_1="nor_conv_3x3"), row()),
        # nothing reaches node 1
        (row(edge_1_3="nor_conv_3x3"), row()),
    ],
)
def test_drawings_of_one_class_are_one_configuration(a, b):
    np.testing.assert_array_equal(SPACE.canonical(a), SPACE.canonical(b))
    np.testing.assert_array_equal(nasbench201.paths(a), nasbench201.paths(b))
    assert SPACE.decode(a) == SPACE.decode(b)


def test_the_space_survives_json():
    assert Space.from_json(SPACE.to_json()) == SPACE
    assert nasbench201.space() != SPACE


def test_a_search_pays_for_no_class_twice():
    driver = Driver(Random(), SPACE).run(lambda config: 0.0, 200, batch=50)
    x = np.concatenate([row.x for row in driver.asked])
    index = np.floor(x * 5).astype(int) @ 5 ** np.arange(5, -1, -1)
    assert len(set(nasbench201.classes()[index])) == len(set(row_keys(x))) == 200


def test_one_hot_is_the_cell():
    x = every_cell()
    features = nasbench201.one_hot(x)
    assert features.shape == (15_625, 30)
    assert (features.reshape(-1, 6, 5).sum(2) == 1).all()
    assert len(np.unique(features, axis=0)) == 15_625


def test_paths_against_walking():
    steps = OPERATIONS[2:]
    every = [p for n in range(4) for p in itertools.product(steps, repeat=n)]
    x = every_cell()[::37]
    features = nasbench201.paths(x)
    for cell, config in zip(features, nasbench201.space().decode(x), strict=True):
        found = Counter()
        for nodes in ((0, 3), (0, 1, 3), (0, 2, 3), (0, 1, 2, 3)):
            ops = [config[f"edge_{i}_{j}"] for i, j in itertools.pairwise(nodes)]
            if "none" not in ops:
                found[tuple(op for op in ops if op != "skip_connect")] += 1
        assert {every[i]: cell[i] for i in np.flatnonzero(cell)} == found


def test_paths_are_equal_within_a_class():
    classes, features = nasbench201.classes(), nasbench201.paths(every_cell())
    np.testing.assert_array_equal(features, features[classes])


def test_rows_of_a_wrong_shape_are_named():
    with pytest.raises(InvalidInput, match="6 coordinates"):
        nasbench201.paths(np.zeros((1, 5)))
