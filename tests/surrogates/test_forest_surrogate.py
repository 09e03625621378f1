"""The forest against scikit-learn's trees, and what believing does."""

import numpy as np
import pytest

from thalweg.spaces import Choice, Float, Int, Space
from thalweg.surrogates.forest import ABSENT, Forest, columns

SPACE = Space(
    {
        "kind": Choice(["a", "b", "c"]),
        "x": Float(0, 1),
        "size": Int(1, 100, log=True),
        "more": Float(0, 1).when("kind", ["a"]),
        "deep": Choice(["u", "v"]).when("kind", ["b"]),
    }
)


def data(n, seed=0):
    u = SPACE.canonical(np.random.default_rng(seed).random((n, SPACE.dim)))
    return u, np.sin(5 * u[:, 1]) + 2 * (u[:, 0] < 0.3) * u[:, 3]


def test_columns_tell_absent_from_present():
    u = SPACE.encode(
        [
            {"kind": "a", "x": 0.25, "size": 1, "more": 0.5},
            {"kind": "b", "x": 0.25, "size": 1, "deep": "v"},
        ]
    )
    size = u[0, 2]
    want = [
        [1, 0, 0, 0.25, size, 0.5, 0, 0],
        [0, 1, 0, 0.25, size, ABSENT, 0, 1],
    ]
    np.testing.assert_allclose(columns(SPACE, u), want, rtol=1e-6)


def test_mean_and_variance_are_those_of_the_trees():
    """By the law of total variance, over trees that are walked down by scikit-learn."""
    from sklearn.ensemble import RandomForestRegressor

    (x, y), (u, _) = data(80), data(50, 1)
    forest = Forest(SPACE, x, y, np.random.default_rng(3), trees=7, share=0.5)
    model = RandomForestRegressor(
        7, max_features=0.5, random_state=int(np.random.default_rng(3).integers(2**31))
    ).fit(columns(SPACE, x), y)
    mean, variance = forest.predict(forest.leaves(u))
    np.testing.assert_allclose(mean, model.predict(columns(SPACE, u)))
    means, within = [], []
    for tree in model.estimators_:
        leaf = tree.apply(columns(SPACE, u))
        means.append(tree.predict(columns(SPACE, u)))
        within.append(tree.tree_.impurity[leaf])
    want = np.var(means, axis=0) + np.mean(within, axis=0)
    np.testing.assert_allclose(variance, want, atol=1e-12)


def test_believing_is_adding_an_observation_to_the_leaves():
    x, y = data(30)
    forest = Forest(SPACE, x, y, np.random.default_rng(0), trees=3)
    leaves = forest.leaves(data(1, 5)[0])[0]
    value = forest.mean[leaves].mean()
    counts, means = forest.count[leaves].copy(), forest.mean[leaves].copy()
    spread = forest.spread[leaves].copy()
    forest.believe(leaves)
    for i, leaf in enumerate(leaves):
        # n observations around their mean, of the same sum of squares, and one more
        off = np.sqrt(spread[i] / counts[i])
        n = round(counts[i])
        old = means[i] + off * np.resize([1.0, -1.0], n) if n % 2 == 0 else None
        mean = (counts[i] * means[i] + value) / (counts[i] + 1)
        assert forest.mean[leaf] == pytest.approx(mean)
        if old is not None:
            both = np.append(old, value)
            assert forest.spread[leaf] == pytest.approx(((both - mean) ** 2).sum())


def test_believing_narrows():
    x, y = data(40)
    for row in data(10, 5)[0]:
        forest = Forest(SPACE, x, y, np.random.default_rng(0), trees=10)
        leaves = forest.leaves(row[None])
        before = forest.predict(leaves)[1]
        forest.believe(leaves[0])
        assert forest.predict(leaves)[1] < before
