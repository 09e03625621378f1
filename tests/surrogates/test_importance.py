"""Functional ANOVA against sums over every configuration, and known functions."""

import itertools

import numpy as np
import pytest

from thalweg.core.errors import InvalidInput
from thalweg.spaces import Choice, Float, Int, Ordinal, Space
from thalweg.surrogates import fanova
from thalweg.surrogates.forest import columns
from thalweg.surrogates.importance import tree_shares

FINITE = Space(
    {
        "a": Choice(["x", "y", "z"]),
        "b": Ordinal([1, 2, 3, 4]),
        "c": Int(1, 6, log=True),
        "d": Choice([False, True]),
    }
)


def every(space):
    """All rows, and the measure of each in the cube."""
    axes = [space.centres(j, np.arange(n)) for j, n in enumerate(space.levels)]
    widths = []
    for axis in axes:
        edges = [0.0]
        for middle in axis:
            edges.append(2 * middle - edges[-1])
        widths.append(np.diff(edges))
    rows = np.array(list(itertools.product(*axes)))
    return rows, [len(axis) for axis in axes], widths


def brute(values, widths, order):
    """ANOVA shares of an array with an axis for each dimension."""
    d, mean = values.ndim, values
    for width in reversed(widths):
        mean = mean @ width
    off, found = values - mean, {}

    def variance(kept):
        m = off
        for j in reversed(range(d)):
            if j not in kept:
                m = np.tensordot(m, widths[j], (j, 0))
        m = m**2
        for j in reversed(kept):
            m = m @ widths[j]
        return float(m)

    total = variance(tuple(range(d)))
    for size in range(1, order + 1):
        for kept in itertools.combinations(range(d), size):
            found[kept] = variance(kept) / total
            for j in kept if size == 2 else ():
                found[kept] -= found[(j,)]
    return found


def test_a_trees_shares_are_those_of_its_table():
    from sklearn.tree import DecisionTreeRegressor

    rows, shape, widths = every(FINITE)
    rng = np.random.default_rng(0)
    some = rng.choice(len(rows), 70, replace=False)
    model = DecisionTreeRegressor(random_state=0)
    model.fit(columns(FINITE, rows[some]), rng.standard_normal(70))
    table = model.predict(columns(FINITE, rows)).reshape(shape)
    got = tree_shares(FINITE, model.tree_, 2)
    want = brute(table, widths, 2)
    assert set(got) == set(want)
    for members, share in want.items():
        assert got[members] == pytest.approx(share, abs=1e-9), members


def test_an_additive_function():
    """Var(3 x) : Var(y) = 9 : 1 for numbers, and a parameter that does nothing."""
    space = Space({"x": Float(0, 1), "y": Float(0, 1), "z": Float(0, 1)})
    x = np.random.default_rng(0).random((600, 3))
    shares = fanova(space, x, 3 * x[:, 0] + x[:, 1], order=2)
    assert list(shares)[:2] == [("x",), ("y",)]
    assert shares[("x",)] == pytest.approx(0.9, abs=0.06)
    assert shares[("y",)] == pytest.approx(0.1, abs=0.05)
    assert shares[("z",)] < 0.02
    assert abs(sum(shares.values()) - 1) < 0.02


def test_an_interaction_is_the_pairs():
    space = Space({"x": Choice([0, 1]), "y": Choice([0, 1]), "z": Float(0, 1)})
    u = space.canonical(np.random.default_rng(0).random((400, 3)))
    loss = np.array([float(c["x"] != c["y"]) for c in space.decode(u)])
    shares = fanova(space, u, loss, order=2)
    assert next(iter(shares)) == ("x", "y")
    assert shares[("x", "y")] > 0.8


def test_conditional_parameters_and_failures():
    space = Space(
        {
            "kind": Choice(["a", "b"]),
            "rate": Float(1e-4, 1.0, log=True),
            "more": Float(0, 1).when("kind", ["a"]),
        }
    )
    u = space.canonical(np.random.default_rng(0).random((300, 3)))
    loss = (u[:, 1] - 0.3) ** 2
    loss[u[:, 1] > 0.9] = np.nan
    shares = fanova(space, u, loss)
    assert shares[("rate",)] > 0.8


def test_nothing_to_tell():
    space = Space({"x": Float(0, 1)})
    assert fanova(space, np.zeros((1, 1)), np.zeros(1)) == {}
    assert fanova(space, np.random.default_rng(0).random((30, 1)), np.ones(30)) == {}
    with pytest.raises(InvalidInput, match="`order` must be 1 or 2, but got 3"):
        fanova(space, np.zeros((3, 1)), np.zeros(3), order=3)
