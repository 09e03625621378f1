"""Bent coordinates: their derivatives, and which bend is chosen."""

import numpy as np
import pytest

from thalweg.spaces import Choice, Float, Space
from thalweg.surrogates import (
    Data,
    Embedding,
    Improvement,
    Landscape,
    Merit,
    Posterior,
    choose_shapes,
)
from thalweg.surrogates.input_warping import BENDS
from thalweg.surrogates.kumaraswamy import bend, slope

SPACE = Space({"x": Float(0, 1), "c": Choice(["a", "b"]), "y": Float(0, 1)})


@pytest.mark.parametrize("shape", [(1.0, 1.0), *BENDS])
def test_bends_are_increasing_maps_of_the_unit_interval(shape):
    u = np.linspace(0, 1, 101)[:, None]
    shapes = np.array([shape])
    value, rate = bend(u, shapes), slope(u, shapes)
    assert value[0] == 0
    assert value[-1] == 1
    assert (np.diff(value[:, 0]) > 0).all()
    difference = (value[2:] - value[:-2]) / 0.02
    np.testing.assert_allclose(rate[1:-1], difference, atol=5e-3)
    assert np.isfinite(rate).all()


def test_straight_shapes_change_nothing():
    u = SPACE.canonical(np.random.default_rng(0).random((20, 3)))
    straight = Embedding(SPACE, np.ones((3, 2)))
    bent, plain = straight.with_slopes(u), Embedding(SPACE).with_slopes(u)
    np.testing.assert_allclose(bent[0], plain[0])
    np.testing.assert_allclose(bent[1], plain[1])


def test_the_dimension_that_bends_is_found_and_no_other():
    rng = np.random.default_rng(1)
    u = SPACE.canonical(rng.random((70, 3)))
    wave = np.sin(9 * u[:, 0] ** 4) + np.sin(3 * u[:, 2]) + 0.3 * (u[:, 1] > 0.5)
    y = (wave - wave.mean()) / wave.std()
    shapes = choose_shapes(SPACE, u, y)
    assert tuple(shapes[0]) in {(2.0, 1.0), (4.0, 1.0)}
    np.testing.assert_array_equal(shapes[1:], 1)
    noise = rng.standard_normal(70)
    np.testing.assert_array_equal(choose_shapes(SPACE, u, noise), 1)


def test_the_gradient_goes_through_the_bend():
    rng = np.random.default_rng(2)
    shapes = np.array([[4.0, 1.0], [1.0, 1.0], [1.0, 2.0]])
    embedding = Embedding(SPACE, shapes)
    u = SPACE.canonical(rng.random((15, 3)))
    theta = np.array([-0.7, -0.3, -0.7, 0.0, -4.0])
    data = Data(embedding.features(u), embedding.group, rng.standard_normal(15), 3)
    climb = Landscape(
        SPACE, embedding, (Posterior(theta, data),), Merit(Improvement(-0.5))
    )
    rows = np.clip(SPACE.canonical(rng.random((8, 3))), 0.01, 0.99)
    _, gradient = climb.slopes(rows)
    for j in (0, 2):
        step = np.zeros(3)
        step[j] = 1e-6
        difference = (climb(rows + step) - climb(rows - step)) / 2e-6
        np.testing.assert_allclose(gradient[:, j], difference, rtol=1e-3, atol=1e-5)
