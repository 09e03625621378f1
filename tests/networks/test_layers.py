"""Layers by themselves: how they start, what dropout and normalisation do."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thalweg.core import rng
from thalweg.networks import INITIALIZERS, Dropout, Linear, choose_normalization
from thalweg.networks.initializers import as_initializer
from thalweg.networks.normalization import Normalization, as_normalization
from thalweg.networks.randomness import normal, place, signs, uniform

SEED = jnp.uint32(7)

VARIANCES = {
    "he": lambda i, o: 2 / i,
    "glorot": lambda i, o: 2 / (i + o),
    "lecun": lambda i, o: 1 / i,
    "torch": lambda i, o: 1 / (3 * i),
}


@pytest.mark.parametrize("name", INITIALIZERS)
def test_initial_variance(name):
    init = as_initializer(name)
    kernel = np.asarray(init.sample(SEED, (200, 400)))
    variance = VARIANCES[name.split("_")[0]](200, 400)
    n = kernel.size
    flat = float(init.uniform) == 1
    assert abs(kernel.mean()) < 6 * np.sqrt(variance / n)
    # the variance of x² is 0.8 for a uniform and 2 for a normal of variance 1
    assert abs(kernel.var() / variance - 1) < 6 * np.sqrt((0.8 if flat else 2) / n)
    kurtosis = np.mean(kernel**4) / np.mean(kernel**2) ** 2
    assert abs(kurtosis - (1.8 if flat else 3)) < 0.15
    largest = np.abs(kernel).max() / np.sqrt(variance)
    assert largest < np.sqrt(3) + 1e-6 if flat else largest > 3


def test_names_without_a_suffix():
    def same(a, b):
        a, b = as_initializer(a), as_initializer(b)
        return all(map(np.array_equal, jax.tree.leaves(a), jax.tree.leaves(b)))

    assert same("he", "he_normal")
    assert same("glorot", "glorot_uniform")
    assert same("lecun", "lecun_normal")
    assert not same("glorot", "glorot_normal")


def test_initial_bias():
    layer = Linear.build(25, 4000, init=as_initializer("he"), bias_scale=2.0, seed=SEED)
    bias = np.asarray(layer.bias)
    assert np.abs(bias).max() <= 2 / 5
    variance = (2 / 5) ** 2 / 3
    assert abs(bias.var() / variance - 1) < 6 * np.sqrt(0.8 / bias.size)
    plain = Linear.build(25, 40, init=as_initializer("he"), seed=SEED)
    assert not np.any(plain.bias)


def test_tangent_parametrisation_is_the_same_function():
    x = jnp.asarray(np.random.default_rng(0).normal(size=(5, 64)), jnp.float32)
    plain, ntk = (
        Linear.build(64, 300, init=as_initializer("lecun"), ntk=ntk, seed=SEED)
        for ntk in (False, True)
    )
    np.testing.assert_allclose(ntk(x), plain(x), rtol=1e-4, atol=1e-5)
    assert abs(np.var(np.asarray(ntk.kernel)) - 1) < 6 * np.sqrt(2 / ntk.kernel.size)


def test_random_numbers():
    for draw, moments in (
        (uniform, (1 / 3, 1 / 5)),
        (normal, (1, 3)),
        (signs, (1, 1)),
    ):
        x = np.asarray(draw(SEED, (400, 500)), np.float64)
        other = np.asarray(draw(place(SEED, 1), (400, 500)), np.float64)
        second, fourth = moments
        n = x.size
        assert np.all(np.isfinite(x))
        assert abs(x.mean()) < 6 * np.sqrt(second / n)
        assert abs((x**2).mean() - second) <= 6 * np.sqrt((fourth - second**2) / n)
        assert abs((x * other).mean()) < 6 * second / np.sqrt(n)
        assert abs((x[:, 1:] * x[:, :-1]).mean()) < 6 * second / np.sqrt(n)


def test_normal_numbers_stay_finite_at_the_ends(monkeypatch):
    # the generator's extreme words, which no sample of a test's size would meet
    ends = jnp.asarray([0.0, 1 - 2**-24], jnp.float32)
    monkeypatch.setattr(rng, "uniform", lambda seed, shape: ends)
    assert jnp.all(jnp.abs(uniform(SEED, (2,))) < 1)
    x = normal(SEED, (2,))
    assert jnp.all(jnp.isfinite(x))
    assert x[0] == -x[1]


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_statistics(rate):
    n = 100_000
    x = jnp.full((100, n // 100), 2.0)
    y = np.asarray(Dropout(rate)(x, seed=SEED))
    kept = y != 0
    assert abs(kept.mean() - (1 - rate)) < 6 * np.sqrt(rate * (1 - rate) / n)
    np.testing.assert_allclose(y[kept], 2 / (1 - rate), rtol=1e-6)
    # neither units nor examples go together
    pairs = (kept[:, 1:] == kept[:, :-1]).mean(), (kept[1:] == kept[:-1]).mean()
    agree = rate**2 + (1 - rate) ** 2
    for pair in pairs:
        assert abs(pair - agree) < 8 * np.sqrt(agree * (1 - agree) / n)
    other = np.asarray(Dropout(rate)(x, seed=place(SEED, 1))) != 0
    assert abs((kept == other).mean() - agree) < 6 * np.sqrt(agree * (1 - agree) / n)


def test_dropout_gradient_is_its_mask():
    x = jnp.asarray(np.random.default_rng(1).normal(size=(30, 30)), jnp.float32)
    for rate in (0.0, 0.3):
        drop = Dropout(rate)
        y, pull = jax.vjp(lambda x, drop=drop: drop(x, seed=SEED), x)
        (slope,) = pull(jnp.ones_like(x))
        np.testing.assert_allclose(slope, np.where(y != 0, 1 / (1 - rate), 0))


def test_dropout_of_rate_zero_draws_nothing():
    x = jnp.ones((4, 4))
    np.testing.assert_array_equal(Dropout(0.0)(x, seed=SEED), x)
    np.testing.assert_array_equal(Dropout(0.7)(x, seed=None), x)
    jaxpr = jax.make_jaxpr(lambda r, s: Dropout(r)(x, seed=s))(0.0, SEED)
    outside = [str(e.primitive) for e in jaxpr.jaxpr.eqns]
    assert "cond" in outside
    assert "iota" not in outside  # the stream is drawn inside the branch


def test_normalizations_against_numpy():
    x = np.random.default_rng(2).normal(3, 2, size=(6, 10))
    centred = x - x.mean(axis=1, keepdims=True)
    expected = {
        "none": x,
        "layer": centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5),
        "rms": x / np.sqrt((x**2).mean(axis=1, keepdims=True) + 1e-5),
    }
    names = tuple(expected)
    for number, name in enumerate(names):
        by_name = Normalization.build(10, as_normalization(name))
        by_data = Normalization.build(10, choose_normalization(names, number))
        layers = [by_data] if by_name is None else [by_name, by_data]
        assert (by_name is None) == (name == "none")
        for layer in layers:
            got = layer(jnp.asarray(x, jnp.float32))
            np.testing.assert_allclose(got, expected[name], rtol=1e-4, atol=1e-5)


def test_normalization_has_a_scale_and_a_shift():
    layer = Normalization.build(4, as_normalization("layer"))
    scale, bias = jnp.arange(4.0), jnp.arange(4.0) + 10
    changed = eqx.tree_at(lambda v: (v.scale, v.bias), layer, (scale, bias))
    x = jnp.asarray([[1.0, -2.0, 0.5, 3.0]])
    np.testing.assert_allclose(changed(x), layer(x) * scale + bias, rtol=1e-6)


def test_seeds_of_places_differ():
    seeds = [int(place(rng.word(jax.random.key(0)), n)) for n in range(100)]
    assert len(set(seeds)) == 100
    assert place(None, 3) is None
