"""Merits against samples and closed forms."""

import numpy as np
import pytest
from scipy.stats import norm

from thalweg.surrogates import Bound, Hypervolume, Improvement, Merit, hypervolume
from thalweg.surrogates.acquisition import log_expected_improvement
from thalweg.surrogates.maximize import _partial


def front(m, n=6, seed=0):
    return np.random.default_rng(seed).random((n, m))


@pytest.mark.parametrize("m", [2, 3, 4])
def test_hypervolume_agrees_with_a_sample(m):
    rng = np.random.default_rng(1)
    losses, reference = front(m, 5), np.full(m, 1.1)
    mean = rng.uniform(0.2, 1.0, (m, 3))
    deviation = rng.uniform(0.1, 0.4, (m, 3))
    got = np.exp(Hypervolume(losses, reference)(mean, deviation))
    before = hypervolume(losses, reference)
    for i in range(3):
        sample = rng.normal(mean[:, i], deviation[:, i], (1000, m))
        gain = [hypervolume(np.vstack([losses, row]), reference) for row in sample]
        gain = np.array(gain) - before
        assert abs(got[i] - gain.mean()) < 4 * gain.std() / np.sqrt(len(gain))


def test_hypervolume_of_sure_values_is_what_they_add():
    losses, reference = front(2), np.ones(2)
    rows = np.random.default_rng(3).random((2, 20))
    value = np.exp(Hypervolume(losses, reference)(rows, np.full((2, 20), 1e-9)))
    added = [
        hypervolume(np.vstack([losses, row]), reference)
        - hypervolume(losses, reference)
        for row in rows.T
    ]
    np.testing.assert_allclose(value, added, atol=1e-7)


def test_hypervolume_orders_what_can_hardly_improve():
    merit = Hypervolume(np.zeros((1, 2)), np.ones(2))
    mean = np.array([[2.0, 3.0, 50.0], [2.0, 2.0, 50.0]])
    value = merit(mean, np.full((2, 3), 0.01))
    assert np.isfinite(value).all()
    assert (np.diff(value) < 0).all()


def test_a_believed_row_enters_the_front():
    merit = Hypervolume(np.array([[0.5, 0.5]]), np.ones(2))
    mean, deviation = np.array([[0.2], [0.2]]), np.full((2, 1), 0.01)
    after = merit.after(mean[:, 0])
    assert after(mean, deviation)[0] < merit(mean, deviation)[0] - 1
    assert Improvement(0.3).after(np.array([0.1])).best == 0.1
    assert Improvement(0.3).after(np.array([0.4])).best == 0.3


def test_constraints_and_cost_multiply():
    mean = np.array([[0.1, 0.4], [-0.2, 0.5], [0.3, -0.1], [1.0, -2.0]])
    deviation = np.array([[0.2, 0.3], [0.1, 0.6], [0.5, 0.5], [1.0, 1.0]])
    value = Merit(Improvement(0.2), constraints=2, cost=0.7)(mean, deviation)
    expected = (
        log_expected_improvement(mean[0], deviation[0], 0.2)
        + norm.logcdf(-mean[1] / deviation[1])
        + norm.logcdf(-mean[2] / deviation[2])
        - 0.7 * mean[3]
    )
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    feasible = Merit(None, constraints=1)(mean[:2], deviation[:2])
    np.testing.assert_allclose(feasible, norm.logcdf(-mean[1] / deviation[1]))


def test_bounds_are_optimistic():
    mean, deviation = np.array([[0.5, 0.4]]), np.array([[0.3, 0.1]])
    value = Bound(Improvement(0.0), width=2.0)(mean, deviation)
    np.testing.assert_allclose(value, [0.1, -0.2])


def test_partial_derivatives():
    rng = np.random.default_rng(4)
    mean, deviation = rng.normal(0, 0.5, (3, 4)), rng.uniform(0.1, 1, (3, 4))
    for merit in (
        Merit(Improvement(0.1), constraints=1, cost=0.5),
        Merit(Hypervolume(front(2), np.ones(2)), constraints=1),
    ):
        value, in_mean, in_deviation = _partial(merit, mean, deviation)
        np.testing.assert_allclose(value, merit(mean, deviation))
        for j in range(3):
            step = np.zeros((3, 1))
            step[j] = 1e-6
            for got, ends in (
                (in_mean, [merit(mean + s, deviation) for s in (step, -step)]),
                (in_deviation, [merit(mean, deviation + s) for s in (step, -step)]),
            ):
                slope = (ends[0] - ends[1]) / 2e-6
                np.testing.assert_allclose(got[j], slope, rtol=1e-4, atol=1e-6)
