"""The bilevel step against problems whose answers are known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thalweg.architectures.gradient.bilevel import (
    PHASES,
    POWER_ITERATION,
    TRAINING,
    Gradient,
    Rules,
    begin,
    numbers,
    run,
)
from thalweg.optimizers import SGD, Adam, ClipByGlobalNorm, Momentum, chain

XI = 0.1
RNG = np.random.default_rng(0)
Q = RNG.normal(size=(3, 3))
Q = Q @ Q.T + np.eye(3)
B = RNG.normal(size=(3, 2))  # how alphas act on the weights' problem
TARGET = RNG.normal(size=3)
W, A = RNG.normal(size=3), RNG.normal(size=2)


def quadratic(search, point):
    """Training loss w'Qw/2 - w'Ba, validation loss |w - t|^2/2 + |a|^2/2."""

    def loss(w, a):
        training = 0.5 * w @ Q @ w - w @ B @ a
        validation = 0.5 * jnp.sum((w - TARGET) ** 2) + 0.5 * jnp.sum(a**2)
        return jnp.where(point.half == TRAINING, training, validation)

    value, slopes = jax.value_and_grad(loss, argnums=(0, 1))(
        point.weights, point.alphas
    )
    return Gradient(value, *slopes)


def after(phases, gradient, rules, *, weights=W, alphas=A):
    search = begin(rules, jnp.asarray(weights), jnp.asarray(alphas), {}, 0)
    return run(rules, search, numbers(phases), len(phases), gradient)


@pytest.fixture
def rules(x64):
    return Rules(weights=SGD(XI), alphas=SGD(1.0))


def test_first_order_takes_the_weights_as_they_are(rules):
    found = after(("architecture",), quadratic, rules)
    np.testing.assert_allclose(A - found.alphas, A, rtol=1e-12)  # d|a|^2/2 = a
    np.testing.assert_array_equal(found.weights, W)
    assert found.step == 0


def test_second_order_is_the_closed_form(rules):
    """d/da of the validation loss at w - xi (Qw - Ba): a + xi B'(w' - t)."""
    found = after(("ahead", "unrolled", "plus", "minus", "weights"), quadratic, rules)
    ahead = W - XI * (Q @ W - B @ A)
    expected = A + XI * B.T @ (ahead - TARGET)
    np.testing.assert_allclose(A - found.alphas, expected, rtol=1e-8)
    new = A - expected  # the weights then follow the new alphas
    np.testing.assert_allclose(found.weights, W - XI * (Q @ W - B @ new), rtol=1e-8)
    assert found.step == 1
    assert found.batches.tolist() == [1, 1]


def test_weights_alone_leave_the_alphas(rules):
    found = after(("weights",), quadratic, rules)
    np.testing.assert_array_equal(found.alphas, A)
    np.testing.assert_allclose(found.weights, W - XI * (Q @ W - B @ A), rtol=1e-12)


def test_the_weights_optimizer_may_clip_and_have_momentum(x64):
    rules = Rules(chain(ClipByGlobalNorm(1e-3), Momentum(XI)), Adam(0.1))
    found = after(("ahead", "unrolled", "plus", "minus", "weights"), quadratic, rules)
    step = np.linalg.norm(found.weights - W)
    assert step == pytest.approx(XI * 1e-3, rel=1e-6)


def test_the_dominant_eigenvalue_is_the_dense_hessians(rules):
    """Of a loss that is not quadratic, in alphas of two labels."""
    alphas = {
        "one": jnp.asarray(RNG.normal(size=3)),
        "two": jnp.asarray(RNG.normal(size=2)),
    }

    def validation(alphas):
        one, two = jax.nn.softmax(alphas["one"]), jax.nn.softmax(alphas["two"])
        values = jnp.array([3.0, -1.0, 2.0])
        return jnp.exp(one @ values) * (two @ jnp.array([1.0, 4.0])) + 0.1 * jnp.sum(
            alphas["one"] ** 2
        )

    def gradient(search, point):
        value, slope = jax.value_and_grad(validation)(point.alphas)
        return Gradient(value, jnp.zeros_like(point.weights), slope)

    flat, unravel = jax.flatten_util.ravel_pytree(alphas)
    dense = jax.hessian(lambda v: validation(unravel(v)))(flat)
    values = np.linalg.eigvalsh(np.asarray(dense))
    largest = values[np.argmax(np.abs(values))]

    rules = Rules(SGD(XI), SGD(1.0), probe=1e-4)
    search = begin(rules, jnp.asarray(W), alphas, {}, 0)
    order = np.array([*numbers(POWER_ITERATION)[:2]] * 60)
    search = run(rules, search, order, len(order), gradient)
    assert float(search.eigenvalue) == pytest.approx(float(largest), rel=1e-4)
    np.testing.assert_array_equal(search.alphas["one"], alphas["one"])


def test_phases_are_numbered_by_name():
    assert numbers(("weights", "minus")).shape == (len(PHASES),)
    assert numbers(("minus",))[0] == list(PHASES).index("minus")
