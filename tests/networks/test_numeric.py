"""Numeric embeddings against NumPy, feature by feature and number by number."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from thalweg.networks import (
    EMBEDDINGS,
    Inputs,
    Periodic,
    PeriodicBiasLinear,
    PiecewiseLinear,
)
from thalweg.networks.numeric.piecewise_linear import encoding

SEED = jnp.uint32(5)


def reference(x: float, edges: np.ndarray) -> np.ndarray:
    """The encoding as the paper writes it, over the bins that hold something."""
    code = np.zeros(len(edges) - 1)
    real = [t for t in range(len(code)) if edges[t + 1] > edges[t]]
    for t in real:
        low, high = edges[t], edges[t + 1]
        if x < low and t != real[0]:
            code[t] = 0
        elif x >= high and t != real[-1]:
            code[t] = 1
        else:
            code[t] = (x - low) / (high - low)
    return code


def edges_of_all_kinds() -> np.ndarray:
    rng = np.random.default_rng(0)
    smooth = rng.normal(size=(3, 500))
    counts = rng.poisson(1.5, size=(2, 500))
    rare = rng.random(size=(2, 500)) < 0.05
    constant = np.full((1, 500), 2.5)
    table = np.concatenate([smooth, counts, rare, constant])
    return np.quantile(table, np.linspace(0, 1, 9), axis=1).T.astype(np.float32)


def test_piecewise_linear_encoding():
    bins = edges_of_all_kinds()
    assert np.any(np.diff(bins) == 0)
    rng = np.random.default_rng(1)
    x = np.concatenate([rng.normal(0, 3, size=(40, len(bins))), bins.T])
    x = x.astype(np.float32)
    left, slope, low, high = (v[None] for v in encoding(jnp.asarray(bins)))
    got = jnp.clip((x[:, :, None] - left) * slope, low, high)
    expected = [[reference(v, e) for v, e in zip(row, bins, strict=True)] for row in x]
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)
    assert not np.any(got[:, -1])  # a constant feature says nothing


@pytest.mark.parametrize(
    "edges",
    [
        [np.nan] * 4,
        [0.0, np.nan, 1.0, 2.0],
        [-np.inf, 0.0, 1.0, np.inf],
        [0.0, 1e-45, 1.0, 2.0],
        [-3e38, 0.0, 3e38, 3e38],
    ],
)
def test_edges_that_hold_nothing_are_harmless(edges):
    inputs = Inputs(1, (), np.asarray([edges], np.float32))
    layer = PiecewiseLinear(3).build(inputs, seed=SEED)
    y = layer(jnp.asarray([[-5.0], [0.5], [7.0]]))
    assert jnp.all(jnp.isfinite(y))


@pytest.mark.parametrize("linear", [True, False])
def test_piecewise_linear_layer(linear):
    bins = edges_of_all_kinds()
    inputs = Inputs(len(bins), (), bins)
    description = PiecewiseLinear(3, activation="relu", linear=linear)
    at_start = jax.jit(lambda s: description.build(inputs, seed=s))(SEED)
    x = np.random.default_rng(2).normal(size=(5, len(bins))).astype(np.float32)
    kernel = np.random.default_rng(3).normal(size=at_start.kernel.shape)
    started = at_start(jnp.asarray(x))
    layer = eqx.tree_at(lambda v: v.kernel, at_start, jnp.asarray(kernel, jnp.float32))
    expected = np.empty((5, len(bins), 3))
    for b, j in np.ndindex(5, len(bins)):
        code = reference(x[b, j], bins[j])
        code = np.concatenate([[x[b, j]], code]) if linear else code
        expected[b, j] = code @ kernel[j] + layer.bias[j]
    expected = np.maximum(expected, 0).reshape(5, -1)
    np.testing.assert_allclose(layer(jnp.asarray(x)), expected, rtol=1e-4, atol=1e-4)
    if linear:  # it starts as a line of each feature, without bends
        expected = np.maximum(x[:, :, None] * at_start.kernel[:, 0] + at_start.bias, 0)
        np.testing.assert_allclose(started, expected.reshape(5, -1), atol=1e-5)


@pytest.mark.parametrize("lite", [True, False])
def test_periodic_layer(lite):
    description = Periodic(size=3, frequencies=4, lite=lite, sigma=2.0)
    layer = description.build(Inputs(2), seed=SEED)
    assert layer.kernel.shape == ((1 if lite else 2), 8, 3)
    x = np.random.default_rng(4).normal(size=(5, 2))
    expected = np.empty((5, 2, 3))
    for b, j in np.ndindex(5, 2):
        angle = 2 * np.pi * x[b, j] * np.asarray(layer.frequency[j])
        code = np.concatenate([np.cos(angle), np.sin(angle)])
        own = 0 if lite else j
        expected[b, j] = code @ layer.kernel[own] + layer.bias[own]
    got = layer(jnp.asarray(x, jnp.float32))
    np.testing.assert_allclose(got, np.maximum(expected, 0).reshape(5, -1), atol=1e-5)


def test_periodic_bias_linear_layer():
    description = PeriodicBiasLinear(size=4, frequencies=5, sigma=1.0)
    layer = description.build(Inputs(2), seed=SEED)
    x = np.random.default_rng(5).normal(size=(6, 2))
    expected = np.empty((6, 2, 4))
    for b, j in np.ndindex(6, 2):
        cycles = x[b, j] * np.asarray(layer.frequency[j]) + np.asarray(layer.phase[j])
        wave = np.cos(2 * np.pi * cycles) @ layer.kernel[j] + layer.bias[j]
        expected[b, j] = np.concatenate([[x[b, j]], wave])
    got = layer(jnp.asarray(x, jnp.float32))
    np.testing.assert_allclose(got, expected.reshape(6, -1), atol=1e-5)


@pytest.mark.parametrize("name", ["periodic", "pbld"])
def test_sigma_is_the_spread_of_the_frequencies(name):
    sizes = {"frequencies": 64, "sigma": 0.7}
    layer = EMBEDDINGS[name](**sizes).build(Inputs(64), seed=SEED)
    found = np.asarray(layer.frequency).reshape(-1)
    bound = 6 / np.sqrt(2 * found.size)
    assert abs(found.std() / 0.7 - 1) < bound
    assert abs(found.mean() / 0.7) < 6 / np.sqrt(found.size)


@pytest.mark.parametrize("name", EMBEDDINGS)
def test_each_column_has_units_of_its_own(name):
    bins = np.tile(np.linspace(-1, 1, 5), (3, 1))
    embedding = EMBEDDINGS[name]()
    layer = embedding.build(Inputs(3, (), bins), seed=jr.key_data(jr.key(0))[1])
    x = jnp.zeros((1, 3))
    moved = np.asarray(layer(x) != layer(x.at[0, 1].set(0.7)))[0]
    units = embedding.units
    assert len(moved) == 3 * units
    assert np.any(moved[units : 2 * units])
    assert not np.any(moved[:units])
    assert not np.any(moved[2 * units :])
