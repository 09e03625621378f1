"""The Gaussian process against scikit-learn, finite differences and its own algebra."""

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from thalweg.spaces import Choice, Float, Int, Ordinal, Space
from thalweg.surrogates import (
    Data,
    Embedding,
    Improvement,
    Landscape,
    Merit,
    Posterior,
    fit,
)
from thalweg.surrogates.likelihood import _log_prior, negative_log_posterior
from thalweg.testing.problems import RECIPE

PLAIN = Space({f"x{i}": Float(0, 1) for i in range(3)})
MIXED = Space(
    {
        "kind": Choice(["a", "b", "c"]),
        "x": Float(0, 1),
        "y": Float(0, 1).when("kind", ["a", "b"]),
        "inner": Choice([0, 1]).when("kind", ["b"]),
        "size": Ordinal([1, 2, 3, 4]).when("inner", [1]),
        "count": Int(1, 100, log=True),
    }
)


def data(space, n=25, seed=0):
    rng = np.random.default_rng(seed)
    u = space.canonical(rng.random((n, space.dim)))
    embedding = Embedding(space)
    y = rng.standard_normal(n)
    return Data(embedding.features(u), embedding.group, y, space.dim), embedding, u


def theta(dim, seed=1):
    rng = np.random.default_rng(seed)
    return np.append(rng.normal(-0.5, 0.4, dim), [0.3, -3.0])


def test_likelihood_and_posterior_agree_with_sklearn():
    made, embedding, _ = data(PLAIN)
    t = theta(3)
    posterior = Posterior(t, made)
    kernel = ConstantKernel(np.exp(t[3])) * Matern(np.exp(t[:3]), nu=2.5)
    oracle = GaussianProcessRegressor(
        kernel + WhiteKernel(np.exp(t[4])), optimizer=None, alpha=0.0
    )
    oracle.fit(made.features, made.targets - posterior.mean)
    value = negative_log_posterior(t, made)[0] + _log_prior(t, 3)[0]
    value += 0.5 * len(made.targets) * np.log(2 * np.pi)
    assert value == pytest.approx(-oracle.log_marginal_likelihood_value_, rel=1e-9)
    new = embedding.features(np.random.default_rng(2).random((40, 3)))
    mean, deviation = oracle.predict(new, return_std=True)
    got_mean, got_variance = posterior.predict(new)
    np.testing.assert_allclose(got_mean, mean + posterior.mean, atol=1e-9)
    np.testing.assert_allclose(got_variance, deviation**2 - np.exp(t[4]), atol=1e-9)


@pytest.mark.parametrize("space", [PLAIN, MIXED, RECIPE.space])
def test_gradient_of_the_hyper_parameters(space):
    made, _, _ = data(space)
    t = theta(space.dim)
    _, gradient = negative_log_posterior(t, made)
    for j in range(len(t)):
        step = np.zeros(len(t))
        step[j] = 1e-5
        high, low = (negative_log_posterior(t + s, made)[0] for s in (step, -step))
        assert gradient[j] == pytest.approx((high - low) / 2e-5, rel=1e-5, abs=1e-6)


def test_mean_is_the_most_likely_one():
    made, _, _ = data(PLAIN)
    moved = Data(made.features, made.group, made.targets + 7, made.dim)
    t = theta(3)
    assert Posterior(t, moved).mean == pytest.approx(Posterior(t, made).mean + 7)
    values = [negative_log_posterior(t, d)[0] for d in (made, moved)]
    assert values[0] == pytest.approx(values[1])


def test_believing_equals_conditioning_on_the_predicted_mean():
    made, embedding, _ = data(MIXED)
    t = theta(MIXED.dim)
    new = MIXED.canonical(np.random.default_rng(3).random((4, MIXED.dim)))
    features = embedding.features(new)
    test = embedding.features(MIXED.canonical(np.random.default_rng(4).random((30, 6))))
    step, plain = Posterior(t, made), Posterior(t, made)
    for row in features:
        step.believe(row)
    at_once = Posterior(t, made, features)
    for got in (step, at_once):
        mean, variance = got.predict(test)
        np.testing.assert_allclose(mean, plain.predict(test)[0], atol=1e-9)
        np.testing.assert_allclose(variance, at_once.predict(test)[1], atol=1e-9)
    assert (at_once.predict(test)[1] <= plain.predict(test)[1] + 1e-12).all()
    # the definition: observe the means (the prior mean being kept)
    both = Data(
        np.concatenate([made.features, features]),
        made.group,
        np.concatenate([made.targets, plain.predict(features)[0]]),
        made.dim,
    )
    np.testing.assert_allclose(
        Posterior(t, both).predict(test)[1], at_once.predict(test)[1], atol=1e-9
    )


@pytest.mark.parametrize("space", [PLAIN, MIXED])
def test_gradient_of_the_acquisition(space):
    made, embedding, _ = data(space)
    model = Posterior(theta(space.dim), made)
    climb = Landscape(space, embedding, (model,), Merit(Improvement(-0.5)))
    u = space.canonical(np.random.default_rng(5).random((12, space.dim)))
    u = np.clip(u, 0.01, 0.99)
    value, gradient = climb.slopes(u)
    np.testing.assert_allclose(value, climb(u), rtol=1e-9)
    for j, (kind, levels) in enumerate(zip(space.kinds, space.levels, strict=True)):
        if kind == "choice":
            assert (gradient[:, j] == 0).all()
        elif levels is None:
            step = np.zeros(space.dim)
            step[j] = 1e-6
            difference = (climb(u + step) - climb(u - step)) / 2e-6
            np.testing.assert_allclose(gradient[:, j], difference, rtol=2e-4, atol=1e-5)


def test_fit_finds_the_scales_and_the_noise():
    """Statistical: 120 rows of a known function; the margins are many sigma wide."""
    made, _, u = data(PLAIN, n=120)
    noise = 0.1 * np.random.default_rng(6).standard_normal(120)
    y = np.sin(7 * u[:, 0]) + 0.3 * u[:, 1] + noise
    scale = y.std()
    t = fit(Data(made.features, made.group, (y - y.mean()) / scale, 3))
    lengths = np.exp(t[:3])
    assert lengths[0] < 0.7 < lengths[1] < 2 * lengths[2]
    assert lengths[2] > 2
    assert np.sqrt(np.exp(t[4])) * scale == pytest.approx(0.1, rel=0.35)
    value, gradient = negative_log_posterior(
        t, Data(made.features, made.group, (y - y.mean()) / scale, 3)
    )
    assert np.abs(gradient).max() < 0.05 * abs(value)


def test_equal_targets_and_equal_rows_are_fine():
    made, _, _ = data(PLAIN, n=8)
    same = Data(np.repeat(made.features[:2], 4, 0), made.group, np.zeros(8), 3)
    mean, variance = Posterior(fit(same), same).predict(made.features)
    np.testing.assert_allclose(mean, 0, atol=1e-12)
    assert (variance > 0).all()


def test_distances_of_the_embedding():
    _, embedding, u = data(MIXED, n=200)
    active, z = MIXED.active(u), embedding.features(u)
    assert z.shape[1] == 3 + 1 + 2 + 3 + 2 + 1
    for j, name in enumerate(MIXED.dimensions):
        part = z[:, embedding.group == j]
        distance = np.sqrt(((part[:, None] - part[None]) ** 2).sum(2))
        both = active[:, None, j] & active[None, :, j]
        one = active[:, None, j] ^ active[None, :, j]
        apart = np.abs(u[:, None, j] - u[None, :, j])
        np.testing.assert_allclose(distance[~both & ~one], 0, atol=1e-12)
        np.testing.assert_allclose(distance[one], 1)
        if MIXED.kinds[j] == "choice":
            np.testing.assert_allclose(distance[both], apart[both] > 0)
        else:
            np.testing.assert_allclose(distance[both], apart[both], rtol=0.05)
            assert name in ("kind", "x", "count") or one.any()


def test_the_kernel_is_positive_definite_on_conditional_spaces():
    made, embedding, u = data(MIXED, n=120)
    posterior = Posterior(np.append(np.full(6, -0.7), [0.0, -8.0]), made)
    rows = np.unique(u, axis=0)
    z = embedding.features(rows)
    assert np.linalg.eigvalsh(posterior.kernel(z, z)).min() > -1e-10
