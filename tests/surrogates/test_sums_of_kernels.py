"""The sum of kernels against dense algebra, finite differences and pending rows."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from thalweg.core.errors import InvalidInput
from thalweg.spaces import Choice, Float, Space
from thalweg.surrogates import Field, SumOfKernels, Views

OPS = ["none", "skip", "conv", "pool"]
CELL = Space({**{f"edge{i}": Choice(OPS) for i in range(4)}, "rate": Float(0, 1)})


def rows(n: int, seed: int = 0) -> np.ndarray:
    return CELL.canonical(np.random.default_rng(seed).random((n, CELL.dim)))


def targets(x: np.ndarray) -> np.ndarray:
    y = np.sin(7 * x).sum(1)
    return (y - y.mean()) / y.std()


def parameters(sums: SumOfKernels) -> np.ndarray:
    return sums.centre + 0.3 * np.random.default_rng(1).standard_normal(
        len(sums.centre)
    )


@pytest.fixture
def model():
    views = Views(CELL, encoding=lambda x: np.cos(3 * x[:, :2]))
    return views, SumOfKernels(views.all)


def test_the_gradient_is_that_of_finite_differences(model):
    views, sums = model
    x = rows(15)
    features, y, theta = views.features(x), targets(x), parameters(sums)
    _, gradient = sums.negative_log_posterior(theta, features, y)
    numeric = approx_fprime(
        theta, lambda t: sums.negative_log_posterior(t, features, y)[0], 1e-6
    )
    np.testing.assert_allclose(gradient, numeric, rtol=1e-4, atol=1e-4)


def test_fitting_raises_the_posterior_density(model):
    views, sums = model
    x = rows(30)
    features, y = views.features(x), targets(x)
    before, _ = sums.negative_log_posterior(sums.centre, features, y)
    after, _ = sums.negative_log_posterior(sums.fit(features, y), features, y)
    assert after < before - 1


def test_a_field_is_dense_algebra(model):
    views, sums = model
    x, new = rows(12), rows(7, seed=5)
    theta, y = parameters(sums), targets(rows(12))
    a, b = views.features(x), views.features(new)
    nothing = views.features(x[:0])
    field = Field(sums, theta, b, observed=a, y=y, pending=nothing)
    noisy = sums.kernel(theta, a, a) + (np.exp(theta[0]) + 1e-8) * np.eye(12)
    inverse = np.linalg.inv(noisy)
    between = sums.kernel(theta, a, b)
    ones = np.ones(12)
    mean = (ones @ inverse @ y) / (ones @ inverse @ ones)
    np.testing.assert_allclose(
        field.mean, mean + between.T @ inverse @ (y - mean), atol=1e-8
    )
    full = sums.kernel(theta, b, b) - between.T @ inverse @ between
    np.testing.assert_allclose(field.variance, np.diag(full), atol=1e-8)


def test_believing_a_row_is_waiting_for_it(model):
    views, sums = model
    x, new = rows(12), rows(7, seed=5)
    theta, y = parameters(sums), targets(x)
    observed, at = views.features(x), views.features(new)

    def field(pending: np.ndarray) -> Field:
        pending = views.features(pending)
        return Field(sums, theta, at, observed=observed, y=y, pending=pending)

    believed, waiting = field(new[:0]), field(new[[2, 4]])
    before = believed.variance.copy()
    believed.believe(2)
    believed.believe(4)
    np.testing.assert_allclose(believed.variance, waiting.variance, atol=1e-8)
    np.testing.assert_allclose(believed.mean, waiting.mean, atol=1e-8)
    assert (believed.variance <= before + 1e-12).all()
    assert believed.variance[2] < before[2]


def test_values_of_one_list_are_counted_wherever_they_are():
    configs = [
        {"a": "conv", "b": "none", "c": "conv", "other": "x"},
        {"a": "conv", "b": "conv", "c": "none", "other": "y"},
        {"a": "none", "b": "skip", "other": "x"},
    ]
    space = Space(
        {
            "a": Choice(OPS),
            "b": Choice(OPS),
            "c": Choice(OPS).when("b", ["none", "conv"]),
            "other": Choice(["x", "y"]),
        }
    )
    views = Views(space)
    assert [view.name for view in views.all] == ["places", "numbers"]
    counts = views.features(space.encode(configs))[1]
    expected = [[1, 0, 2, 0], [1, 0, 2, 0], [1, 1, 0, 0]]
    np.testing.assert_allclose(counts, expected, atol=1e-12)


def test_a_value_weighs_the_same_in_every_place():
    space = Space({"a": Choice(OPS), "b": Choice(OPS)})
    (places, _) = Views(space).all
    log_weights = places.sharing @ np.array([1.0, 2.0, 0.1, 0.2, 0.3, 0.4])
    np.testing.assert_allclose(
        log_weights, [1.1, 1.2, 1.3, 1.4, 2.1, 2.2, 2.3, 2.4], atol=1e-12
    )


def test_choices_without_a_common_list_are_seen_in_their_places_only():
    space = Space({"a": Choice(["x", "y"]), "b": Choice(["u", "v"]), "c": Float(0, 1)})
    assert [view.name for view in Views(space).all] == ["places"]


def test_an_encoding_gives_a_row_for_each_row():
    with pytest.raises(InvalidInput, match="a row of numbers for each of 1 rows"):
        Views(CELL, encoding=lambda x: np.zeros(3))
