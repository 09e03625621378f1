"""The process of learning curves: covariances, gradient, posterior, extrapolation."""

from typing import Any

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from thalweg.surrogates.curves import (
    VARIANCE_PRIOR,
    Curves,
    Points,
    Prior,
    fit_curves,
    negative_log_posterior,
)

GROUP = np.array([0, 1, 1])


def points(rng, n=14, trials=5):
    rows = rng.random((trials, 3))
    trial = rng.integers(trials, size=n)
    return Points(rows[trial], rng.choice([0.1, 0.3, 1.0], n), trial)


def prior(rng, beta=0.2):
    theta = np.append(rng.normal(0, 0.5, 2), VARIANCE_PRIOR + rng.normal(0, 0.3, 6))
    return Prior(theta, beta, GROUP)


def test_the_gradient_is_that_of_differences():
    rng = np.random.default_rng(0)
    at, losses = points(rng), rng.standard_normal(14)

    def value(theta):
        return negative_log_posterior(Prior(theta, 0.2, GROUP), at, losses)[0]

    def slope(theta):
        return negative_log_posterior(Prior(theta, 0.2, GROUP), at, losses)[1]

    for _ in range(3):
        theta = prior(rng).theta
        numeric: Any = approx_fprime(theta, value, 1e-6)
        np.testing.assert_allclose(slope(theta), numeric, rtol=1e-3, atol=1e-3)


def test_the_density_is_scipys():
    """Against a multivariate normal, with the mean integrated out by its optimum."""
    from scipy.stats import multivariate_normal

    rng = np.random.default_rng(1)
    at, losses, model = points(rng), rng.standard_normal(14), prior(rng)
    kernel = model(at, at) + model.variances[-1] * np.eye(14)
    solved = np.linalg.solve(kernel, np.ones(14))
    mean = solved @ losses / solved.sum()
    log = multivariate_normal(np.full(14, mean), kernel).logpdf(losses)
    value, _ = negative_log_posterior(model, at, losses)
    other = Prior(model.theta, 0.7, GROUP)
    kernel = other(at, at) + other.variances[-1] * np.eye(14)
    solved = np.linalg.solve(kernel, np.ones(14))
    mean = solved @ losses / solved.sum()
    log_other = multivariate_normal(np.full(14, mean), kernel).logpdf(losses)
    difference = negative_log_posterior(other, at, losses)[0] - value
    np.testing.assert_allclose(difference, log - log_other, rtol=1e-9)


def test_the_diagonal_is_the_variance():
    rng = np.random.default_rng(2)
    at, model = points(rng), prior(rng)
    np.testing.assert_allclose(np.diag(model(at, at)), model.variance(at))
    assert np.linalg.eigvalsh(model(at, at)).min() > -1e-10


def test_believing_is_conditioning_on_the_mean():
    rng = np.random.default_rng(3)
    at, losses, model = points(rng), rng.standard_normal(14), prior(rng)
    one = Points(rng.random((1, 3)), np.array([0.3]), np.array([2]))
    ahead = Points(
        rng.random((4, 3)), np.array([0.1, 0.3, 1, 1]), np.array([1, 2, 9, -1])
    )
    curves = Curves(model, at, losses)
    mean, _ = curves.predict(one)
    before = curves.predict(ahead)[0]
    curves.believe(one)
    whole = Curves(model, at + one, np.append(losses, mean))
    whole.mean, whole.alpha = curves.mean, curves.alpha  # the profiled mean may move
    np.testing.assert_allclose(curves.lower, whole.lower, atol=1e-9)
    np.testing.assert_allclose(curves.predict(ahead)[1], whole.predict(ahead)[1])
    np.testing.assert_allclose(curves.predict(ahead)[0], before)


def test_a_curve_begun_is_known_better_than_one_that_is_not():
    """Half-way down its own curve, a trial's end is nearer than its neighbour's."""
    rng = np.random.default_rng(4)
    rows = rng.random((30, 1))
    budgets = np.array([0.1, 0.2, 0.4, 0.8])
    x = np.repeat(rows, 4, axis=0)
    t, own = np.tile(budgets, 30), np.repeat(rng.normal(0, 0.3, 30), 4)
    losses = 2 * (x[:, 0] - 0.5) ** 2 + own + 0.3 * 0.2 / (t + 0.2)
    trial = np.repeat(np.arange(30), 4)
    known = np.ones(120, bool)
    known[2:4] = False  # the first trial was frozen at 0.2
    at = Points(x, t, trial)
    group = np.zeros(1, np.int64)
    y = (losses - losses.mean()) / losses.std()
    model = fit_curves(at[known], y[known], group, 1)
    curves = Curves(model, at[known], y[known])
    here, elsewhere = (
        Points(x[:1], np.array([0.8]), np.array([number])) for number in (0, 99)
    )
    mean, deviation = curves.predict(here)
    assert deviation[0] < 0.3 * curves.predict(elsewhere)[1][0]
    assert abs(mean[0] - y[3]) < 4 * deviation[0] + 0.05
    assert abs(mean[0] - y[3]) < 0.3


def test_impossible_hyper_parameters_are_infinitely_bad():
    rng = np.random.default_rng(5)
    at = points(rng)
    theta = np.append(np.zeros(2), np.full(6, -800.0))
    with np.errstate(all="ignore"):
        value, slope = negative_log_posterior(Prior(theta, 0.2, GROUP), at, np.ones(14))
    assert value == np.inf
    assert not slope.any()


@pytest.mark.parametrize("n", [2, 3])
def test_few_points_are_enough(n):
    rng = np.random.default_rng(6)
    at = points(rng, n)
    model = fit_curves(at, np.zeros(n), GROUP, 2)
    mean, deviation = Curves(model, at, np.zeros(n)).predict(at)
    assert np.isfinite(mean).all()
    assert (deviation > 0).all()
