"""The log expected improvement against quadrature, far into the tails."""

import numpy as np
import pytest
from scipy.integrate import quad

from thalweg.surrogates.acquisition import (
    log_expected_improvement,
    log_h,
    log_h_slope,
)


def reference(z):
    """log ∫ t φ(t - z) dt over t > 0, scaled so that nothing underflows."""
    if z < -1:
        # with s = |z| t the integrand is s exp(-s - s² / (2 z²)), of order one
        value, _ = quad(
            lambda s: s * np.exp(-s - 0.5 * (s / z) ** 2),
            0,
            np.inf,
            epsabs=0,
            epsrel=1e-12,
        )
        return -0.5 * z**2 - 0.5 * np.log(2 * np.pi) + np.log(value) - 2 * np.log(-z)
    value, _ = quad(
        lambda t: t * np.exp(-0.5 * (t - z) ** 2) / np.sqrt(2 * np.pi),
        0,
        z + 40,
        epsabs=0,
        epsrel=1e-12,
        points=[max(z, 0.5)],
    )
    return np.log(value)


POINTS = [30, 5, 1, 0, -0.5, -0.999, -1.001, -3, -10, -40, -99, -101, -1e3, -9e3, -2e4]


@pytest.mark.parametrize("z", POINTS)
def test_log_h_agrees_with_quadrature(z):
    # the tail is -z²/2 plus terms of order log z: compare those, not their sum
    offset = 0.5 * z**2 if z < 0 else 0.0
    got = float(log_h(np.array([float(z)]))[0] + offset)
    assert got == pytest.approx(reference(float(z)) + offset, rel=1e-8, abs=1e-8)


@pytest.mark.parametrize("z", [-1e8, -1e100, -1e150])
def test_log_h_is_finite_where_improvement_underflows(z):
    value = log_h(np.array([z]))[0]
    assert np.isfinite(value)
    assert value == pytest.approx(-0.5 * z * z)


@pytest.mark.parametrize(
    "z", [20, 2, 0.1, -0.9, -1.1, -5, -50, -99.5, -200, -5e3, -3e4]
)
def test_slope_agrees_with_differences(z):
    step = 1e-6 * max(1, abs(z))
    low, high = log_h(np.array([z - step, z + step]))
    slope = log_h_slope(np.array([float(z)]))[0]
    assert slope == pytest.approx((high - low) / (2 * step), rel=1e-5)


def test_log_h_increases_across_the_seams():
    for seam in (-1, -100, -1e4):
        z = seam + np.linspace(-1e-3, 1e-3, 101)
        steps = np.diff(log_h(z))
        assert (steps > 0).all()
        assert steps.max() < 1.01 * steps.min()


def test_expected_improvement_agrees_with_a_sample():
    rng = np.random.default_rng(0)
    mean, deviation, best = 0.3, 0.7, 0.1
    sample = np.maximum(best - rng.normal(mean, deviation, 200_000), 0)
    error = sample.std() / np.sqrt(len(sample))
    got = np.exp(
        log_expected_improvement(np.array([mean]), np.array([deviation]), best)
    )
    assert abs(got[0] - sample.mean()) < 4 * error
