"""The ensemble: its gradient, what it learns, and where its members disagree."""

import numpy as np
import pytest

from thalweg.surrogates.ensemble import Ensemble, _Layers


def test_the_gradient_is_that_of_finite_differences():
    layers, rng = _Layers([(3, 5), (5, 5), (5, 1)], members=2), np.random.default_rng(0)
    theta = layers.initial(rng).astype(np.float64)
    x, y = rng.standard_normal((2, 4, 3)), rng.standard_normal((2, 4))

    def loss(theta: np.ndarray) -> np.ndarray:
        out = layers.forward(theta, x)[-1][:, :, 0]
        return 0.5 * np.mean((out - y) ** 2, axis=1)

    gradient = layers.gradient(theta, x, y)
    for i in range(theta.shape[1]):
        step = np.zeros_like(theta)
        step[:, i] = 1e-6
        numeric = (loss(theta + step) - loss(theta - step)) / 2e-6
        np.testing.assert_allclose(gradient[:, i], numeric, atol=1e-7)


@pytest.fixture(scope="module")
def trained():
    rng = np.random.default_rng(0)
    x = rng.integers(2, size=(120, 8)).astype(float)
    y = x[:, 0] - 2 * x[:, 1] + x[:, 2] * x[:, 3]
    return x, y, Ensemble(x[:80], y[:80], np.random.default_rng(1))


def test_predicts_rows_it_has_not_seen(trained):
    x, y, ensemble = trained
    predicted = ensemble.predict(x[80:])
    assert predicted.shape == (5, 40)
    error = np.mean((predicted.mean(0) - y[80:]) ** 2)
    assert error < 0.1 * y.var()


def test_members_agree_where_there_are_data_and_less_elsewhere(trained):
    x, _, ensemble = trained
    near = ensemble.predict(x[:80]).std(0).mean()
    far = ensemble.predict(3 * x[:80] - 1).std(0).mean()
    assert 0 < 3 * near < far


def test_one_seed_gives_one_answer(trained):
    x, y, ensemble = trained
    again = Ensemble(x[:80], y[:80], np.random.default_rng(1))
    np.testing.assert_array_equal(ensemble.predict(x), again.predict(x))
