"""Identities between optimizers, on gradients that Hypothesis draws."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from thalweg import schedules
from thalweg.optimizers import SGD, Adam, AdamW, Momentum, NAdamW, Nesterov

STEPS = 8
signed = st.floats(2**-10, 8.0, width=32).flatmap(lambda x: st.sampled_from([x, -x]))
gradients = arrays(np.float32, (STEPS, 3), elements=signed)
few = settings(max_examples=15, deadline=None)


@eqx.filter_jit
def path(optimizer, grads):
    """The parameters after each step, from (1, -2, 3)."""

    def step(carry, g):
        params, state = carry
        updates, state = optimizer.update(g, state, params)
        params = params + updates
        return (params, state), params

    start = jnp.array([1.0, -2.0, 3.0])
    return jax.lax.scan(step, (start, optimizer.init(start)), grads)[1]


def assert_close(got, expected):
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


@few
@given(gradients, st.floats(1e-6, 1e6))
def test_adam_without_eps_does_not_see_the_scale(grads, scale):
    optimizer = Adam(0.1, eps=0.0)
    scaled = (grads * np.float32(scale)).astype(np.float32)
    assert_close(path(optimizer, scaled), path(optimizer, grads))


@few
@given(gradients, st.floats(0, 0.99), st.floats(0, 0.999))
def test_adamw_without_decay_is_adam(grads, b1, b2):
    adamw = AdamW(0.1, b1=b1, b2=b2, weight_decay=0.0)
    assert_close(path(adamw, grads), path(Adam(0.1, b1=b1, b2=b2), grads))


@few
@given(gradients, st.floats(0, 0.3))
def test_momentum_0_is_gradient_descent(grads, l2):
    plain = path(SGD(0.1, l2=l2), grads)
    assert_close(path(Momentum(0.1, 0.0, l2=l2), grads), plain)
    assert_close(path(Nesterov(0.1, 0.0, l2=l2), grads), plain)
    assert_close(path(Momentum(0.1, 0.0, weight_decay=l2), grads), plain)


@few
@given(gradients, st.floats(0, 0.95))
def test_nesterov_is_momentum_seen_from_one_push_ahead(grads, momentum):
    """With x the heavy ball's path, Nesterov's is x + momentum * (x_t - x_{t-1})."""
    ball = np.asarray(path(Momentum(0.1, momentum), grads))
    start = np.array([[1.0, -2.0, 3.0]])
    pushes = np.diff(np.concatenate([start, ball]), axis=0)
    assert_close(path(Nesterov(0.1, momentum), grads), ball + momentum * pushes)


@few
@given(gradients, st.floats(0.0, 0.9))
def test_nadamw_without_momentum_is_adamw(grads, b2):
    assert_close(
        path(NAdamW(0.1, b1=0.0, b2=b2), grads), path(AdamW(0.1, b1=0.0, b2=b2), grads)
    )


@few
@given(arrays(np.float32, 3, elements=signed), st.floats(0.05, 0.95))
def test_scheduled_betas_leave_no_bias(gradient, b1):
    """The averages of a constant gradient are that gradient, whatever the betas do."""
    betas = {
        "b1": schedules.Linear(b1, STEPS, end=1 - b1),
        "b2": schedules.Cosine(0.99, STEPS, end=0.5),
    }
    got = path(Adam(0.1, eps=0.0, **betas), np.tile(gradient, (STEPS, 1)))
    steps = 0.1 * np.arange(1, STEPS + 1)[:, None] * np.sign(gradient)
    assert_close(got, np.array([1.0, -2.0, 3.0]) - steps)


def test_second_moments_of_bfloat16_parameters_decay():
    """Kept in bfloat16 they would stay where they are: 0.999 rounds to 1."""
    params = jnp.ones(2, jnp.bfloat16)
    optimizer = Adam()
    _, state = optimizer.update(params, optimizer.init(params), params)
    _, after = optimizer.update(0 * params, state, params)
    before, after = (np.asarray(s.square.total, np.float32) for s in (state, after))
    np.testing.assert_allclose(after, 0.999 * before, rtol=1e-6)
