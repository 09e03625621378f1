"""Parzen estimators against scipy's densities, by sums over cells, and by sampling."""

import numpy as np
import pytest
from scipy.stats import truncnorm

from thalweg.spaces import Choice, Float, Int, Ordinal, Space
from thalweg.surrogates.parzen import Parzen, features

MIXED = Space(
    {
        "x": Float(1e-3, 1.0, log=True),
        "kind": Choice(["a", "b", "c"]),
        "size": Ordinal([1, 2, 4, 8]),
        "many": Int(1, 1000),
        "some": Int(1, 20, log=True),
        "more": Float(0, 1).when("kind", ["a"]),
    }
)


def rows(space, n, seed=0):
    return space.canonical(np.random.default_rng(seed).random((n, space.dim)))


def density(parzen, u):
    return np.exp(parzen.log_density(features(parzen.space, u)))


def test_numbers_have_truncated_normal_kernels():
    space = Space({"x": Float(0, 1), "y": Float(0, 1)})
    x, u, weight = rows(space, 5), rows(space, 40, 1), np.array([5.0, 4, 3, 2, 1])
    parzen = Parzen(space, x, weight)
    s, total = parzen.deviation, np.ones(40)
    for centre, w in zip(x, weight * 5 / weight.sum(), strict=True):
        normal = truncnorm(-centre / s, (1 - centre) / s, loc=centre, scale=s)
        total += w * normal.pdf(u).prod(1)
    np.testing.assert_allclose(density(parzen, u), total / 6, rtol=1e-9)


def test_choices_have_aitchison_aitken_kernels():
    space = Space({"x": Choice(["a", "b", "c"])})
    parzen = Parzen(space, space.encode([{"x": "a"}, {"x": "b"}]), np.ones(2))
    # two kernels: one third to each other choice, as against one's own 1 + 1/3
    got = density(parzen, space.encode([{"x": v} for v in "abc"])) / 3
    own, other = (1 + 1 / 3) / 2, (1 / 3) / 2
    want = np.array([own + other, own + other, 2 * other]) / 3 + 1 / 9
    np.testing.assert_allclose(got, want)


def test_ordered_values_have_their_cells_mass():
    space = Space({"x": Int(1, 9, log=True)})
    parzen = Parzen(space, space.encode([{"x": 2}]), np.ones(1))
    every = space.encode([{"x": v} for v in range(1, 10)])
    edges = np.log(np.arange(0.5, 10)) - np.log(0.5)
    edges /= edges[-1]
    centre, s = every[1, 0], parzen.deviation
    normal = truncnorm(-centre / s, (1 - centre) / s, loc=centre, scale=s)
    got = density(parzen, every) * np.diff(edges)
    want = 0.5 * np.diff(normal.cdf(edges)) + 0.5 * np.diff(edges)
    np.testing.assert_allclose(got, want, atol=1e-12)


@pytest.mark.parametrize("m", [1, 30])
def test_the_density_of_a_conditional_space_integrates_to_one(m):
    parzen = Parzen(MIXED, rows(MIXED, m), np.ones(m))
    sample = density(parzen, np.random.default_rng(1).random((200_000, MIXED.dim)))
    assert abs(sample.mean() - 1) < 5 * sample.std() / np.sqrt(len(sample))


def test_samples_have_the_density():
    """E_p[f] = E_uniform[p f] for every coordinate and its square, where active."""
    parzen = Parzen(MIXED, rows(MIXED, 6), np.arange(6.0, 0, -1))
    drawn = parzen.sample(40_000, np.random.default_rng(1))
    np.testing.assert_array_equal(MIXED.canonical(drawn), drawn)
    even = MIXED.canonical(np.random.default_rng(2).random((400_000, MIXED.dim)))
    weight = density(parzen, even)[:, None]
    for power in (1, 2):
        ours = np.where(MIXED.active(drawn), drawn, 0.0) ** power
        want = weight * np.where(MIXED.active(even), even, 0.0) ** power
        error = np.hypot(ours.std(0) / 200, want.std(0) / np.sqrt(len(even)))
        assert (np.abs(ours.mean(0) - want.mean(0)) < 5 * error).all()


def test_absent_dimensions_are_uniform():
    space = Space({"a": Choice(["x", "y"]), "b": Float(0, 1).when("a", ["x"])})
    parzen = Parzen(space, space.encode([{"a": "y"}]), np.ones(1))
    u = space.encode([{"a": "x", "b": 0.1}, {"a": "x", "b": 0.9}])
    assert np.ptp(parzen.log_density(features(space, u))) == 0
    parzen = Parzen(space, u[:1], np.ones(1))
    assert np.ptp(parzen.log_density(features(space, u))) > 0.1


def test_far_kernels_do_not_underflow():
    space = Space({f"x{i}": Float(0, 1) for i in range(100)})
    x = np.zeros((30, 100))
    parzen = Parzen(space, x, np.ones(30))
    value = parzen.log_density(features(space, np.ones((1, 100))))
    np.testing.assert_allclose(value, -np.log(31))
