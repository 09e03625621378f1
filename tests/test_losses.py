"""Losses against their formulas in SciPy, NumPy and optax, and at the extremes."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.special

from thalweg import losses
from thalweg.core.errors import InvalidInput, UnknownName
from thalweg.losses import LOSSES

REGRESSION = [name for name, kind in LOSSES.items() if kind.task == "regression"]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def logits_and_codes(rng, rows=40, classes=5):
    return rng.normal(0, 3, (rows, classes)), rng.integers(0, classes, rows)


def test_regression_losses_match_their_formulas(x64, rng):
    outputs, target = rng.normal(0, 2, (2, 30, 3))
    residual = target - outputs
    want = {
        "mse": residual**2,
        "mae": np.abs(residual),
        "huber": scipy.special.huber(0.7, residual),
        "pinball": np.where(residual > 0, 0.8 * residual, -0.2 * residual),
    }
    settings = {"huber": {"delta": 0.7}, "pinball": {"quantile": 0.8}}
    for name in REGRESSION:
        loss = LOSSES[name](**settings.get(name, {}))
        got = loss(jnp.asarray(outputs), jnp.asarray(target))
        np.testing.assert_allclose(got, want[name].mean(-1), rtol=1e-12)
        np.testing.assert_array_equal(loss.link(outputs), outputs)


def test_regression_losses_match_optax(x64, rng):
    outputs, target = jnp.asarray(rng.normal(0, 2, (2, 30, 1)))
    huber = optax.huber_loss(outputs, target, delta=1.5)[:, 0]
    np.testing.assert_allclose(losses.Huber(1.5)(outputs, target[:, 0]), huber, 1e-12)
    squared = optax.squared_error(outputs, target)[:, 0]
    np.testing.assert_allclose(losses.SquaredError()(outputs, target), squared, 1e-12)


def test_pinball_is_lowest_at_the_quantile(x64, rng):
    sample = jnp.asarray(rng.normal(size=2001))
    loss = losses.Pinball(jnp.array([0.1, 0.5, 0.9]))
    target = jnp.broadcast_to(sample[:, None], (2001, 3))

    def mean_loss(constants):
        return loss(jnp.broadcast_to(constants, target.shape), target).mean()

    best = jnp.quantile(sample, jnp.array([0.1, 0.5, 0.9]))
    assert jnp.abs(jax.grad(mean_loss)(best)).max() < 1e-3
    assert jnp.abs(jax.grad(mean_loss)(best + 0.1)).min() > 3e-3


def test_cross_entropy_matches_scipy(x64, rng):
    logits, codes = logits_and_codes(rng)
    weight, smoothing = np.array([0.5, 1, 2, 4, 0]), 0.3
    log_p = scipy.special.log_softmax(logits, axis=1)
    # as PyTorch writes it: the weighted class's term, and the weighted sum of all terms
    own = -weight[codes] * log_p[np.arange(40), codes]
    every = -(weight * log_p).sum(1)
    want = (1 - smoothing) * own + smoothing / 5 * every
    loss = losses.CrossEntropy(label_smoothing=smoothing, class_weight=weight)
    np.testing.assert_allclose(loss(jnp.asarray(logits), codes), want, rtol=1e-12)
    soft = np.eye(5)[codes]
    np.testing.assert_allclose(loss(jnp.asarray(logits), soft), want, rtol=1e-12)
    p = loss.link(jnp.asarray(logits))
    np.testing.assert_allclose(p, scipy.special.softmax(logits, axis=1), rtol=1e-12)


def test_cross_entropy_matches_pytorch(x64):
    """Recorded from torch 2.13, `cross_entropy(..., reduction="none")`."""
    logits = jnp.array([[1.0, -2.0, 0.5], [0.0, 3.0, -1.0], [2.0, 0.0, -3.0]])
    loss = losses.CrossEntropy(label_smoothing=0.1, class_weight=[1.0, 2.0, 0.5])
    want = [0.7213401840479883, 0.2929441488684058, 2.541945632445626]
    np.testing.assert_allclose(loss(logits, jnp.array([0, 1, 2])), want, rtol=1e-12)


def test_binary_cross_entropy_is_cross_entropy_of_two_logits(x64, rng):
    z, codes = jnp.asarray(rng.normal(0, 3, (40, 1))), rng.integers(0, 2, 40)
    two = jnp.concatenate([jnp.zeros_like(z), z], axis=1)
    settings = {"label_smoothing": 0.2, "class_weight": np.array([0.5, 3.0])}
    want = losses.CrossEntropy(**settings)(two, codes)
    loss = losses.BinaryCrossEntropy(**settings)
    np.testing.assert_allclose(loss(z, codes), want, rtol=1e-12)
    np.testing.assert_allclose(loss.link(z), scipy.special.expit(z), rtol=1e-12)
    plain = optax.sigmoid_binary_cross_entropy(z[:, 0], jnp.asarray(codes))
    np.testing.assert_allclose(losses.BinaryCrossEntropy()(z, codes), plain, 1e-12)


@pytest.mark.parametrize("name", LOSSES)
def test_extreme_outputs_have_finite_values_and_gradients(name):
    """±10,000, exact zeros and ties, in single precision."""
    loss = LOSSES[name]()
    outputs = jnp.array([[1e4, -1e4], [-1e4, 1e4], [0.0, 0.0], [1e4, 1e4]])
    codes = jnp.array([1, 1, 0, 0])
    both = jnp.stack([codes, codes], axis=1)
    target = codes if name == "cross_entropy" else both
    value, slope = jax.value_and_grad(lambda z: loss(z, target).sum())(outputs)
    assert jnp.isfinite(value)
    assert jnp.isfinite(slope).all()
    assert value.dtype == slope.dtype == jnp.float32
    if loss.task == "classification":
        assert (
            loss(outputs, target).max() >= 1e4
        )  # not clipped: wrong rows keep a slope


@pytest.mark.parametrize(
    "name", [name for name, kind in LOSSES.items() if dataclasses.fields(kind)]
)
def test_settings_are_leaves_of_one_program(name):
    """Other values of every setting, one trace; a population maps over them."""
    traces = []

    @eqx.filter_jit
    def run(loss, outputs, target):
        traces.append(1)
        return loss(outputs, target)

    kind = LOSSES[name]
    wide = name == "cross_entropy"
    outputs = jnp.linspace(-1, 1, 12).reshape((6, 2) if wide else (12, 1))
    target = jnp.ones(len(outputs), jnp.int32 if wide else jnp.float32)
    fields = [field.name for field in dataclasses.fields(kind)]
    population = [kind(**dict.fromkeys(fields, value)) for value in (0.2, 0.4)]
    alone = jnp.stack([run(loss, outputs, target) for loss in population])
    assert len(traces) == 1
    assert not np.allclose(alone[0], alone[1])
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *population)
    together = eqx.filter_vmap(lambda loss: loss(outputs, target))(stacked)
    np.testing.assert_allclose(together, alone, rtol=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_unlink_is_the_way_back_from_a_prediction(name):
    loss = LOSSES[name]()
    outputs = jnp.array([[0.3, -2.0, 4.0], [0.0, 0.0, 0.0]])
    prediction = loss.link(outputs)
    np.testing.assert_allclose(loss.link(loss.unlink(prediction)), prediction, 1e-5)
    certain = loss.unlink(jnp.array([[0.0, 1.0, 0.0]]))
    assert jnp.isfinite(certain).all()
    np.testing.assert_allclose(loss.link(certain), [[0, 1, 0]], atol=1e-30)


def test_absolute_error_has_no_slope_where_it_is_exact():
    slope = jax.grad(lambda z: losses.AbsoluteError()(z, jnp.zeros(2)).sum())
    np.testing.assert_array_equal(slope(jnp.array([[0.0], [-2.0]])), [[0.0], [-1.0]])


def test_a_flat_target_is_not_spread_over_rows():
    outputs, target = jnp.zeros((4, 1)), jnp.arange(4.0)
    got = losses.SquaredError()(outputs, target)
    np.testing.assert_array_equal(got, [0, 1, 4, 9])
    with pytest.raises(InvalidInput, match=r"\(4, 2\).*\(4, 1\)"):
        losses.SquaredError()(jnp.zeros((4, 2)), target)


def test_unknown_loss_suggests_the_nearest():
    with pytest.raises(UnknownName, match="'cross_entropy'"):
        LOSSES["crossentropy"]
