"""SOAP: rotations, gradients without full rank, and work that is done when due."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thalweg.optimizers import SGD, SOAP

RATE = 0.05


@jax.jit
def path(optimizer, start, grads):
    """The parameters after each step."""

    def step(carry, g):
        params, state = carry
        updates, state = optimizer.update(g, state, params)
        params = jax.tree.map(jnp.add, params, updates)
        return (params, state), params

    return jax.lax.scan(step, (start, optimizer.init(start)), grads)[1]


def draw(*shape, steps=24):
    """A start and gradients that drift, in single precision."""
    random = np.random.default_rng(0)
    start, drift = random.normal(size=(2, *shape))
    noise = random.normal(size=(steps, *shape))
    return start.astype(np.float32), (noise + drift).astype(np.float32)


def test_rotated_inputs_and_outputs_rotate_the_path(x64):
    random = np.random.default_rng(1)
    left, right = (np.linalg.qr(random.normal(size=(n, n)))[0] for n in (4, 4))
    start, grads = (x.astype(float) for x in draw(4, 4))
    plain = path(SOAP(RATE), start, grads)
    turned = path(SOAP(RATE), left @ start @ right, left @ grads @ right)
    np.testing.assert_allclose(turned, left @ plain @ right, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("shape", [(16, 4), (64, 2)])
def test_rounding_errors_do_not_choose_a_basis(shape):
    """Most directions of the longer side are unseen: any basis is one of them."""
    start, grads = draw(*shape)
    last_bit = 1 + 1e-7 * np.random.default_rng(2).normal(size=grads.shape)
    plain = path(SOAP(RATE), start, grads)
    other = path(SOAP(RATE), start, (grads * last_bit).astype(np.float32))
    np.testing.assert_allclose(other, plain, atol=1e-3)


def test_the_first_gradient_moves_no_matrix():
    start, grads = draw(3, 3)
    np.testing.assert_array_equal(path(SOAP(RATE), start, grads)[0], start)


def test_vectors_are_left_to_adamw_unless_wanted():
    start, grads = draw(3, 1)
    wanted = path(SOAP(RATE, precondition_1d=True), start[:, 0], grads[..., 0])
    np.testing.assert_allclose(wanted, path(SOAP(RATE), start, grads)[..., 0], 1e-5)
    adam = path(SOAP(RATE), start[:, 0], grads[..., 0])
    assert np.abs(wanted[-1] - adam[-1]).max() > 1e-3


@pytest.mark.parametrize("limit", [{"one_sided": True}, {"longest": 3}])
def test_the_longer_side_may_keep_its_axes(limit):
    optimizer = SOAP(**limit)
    params = {"wide": jnp.ones((3, 5)), "tall": jnp.ones((2, 2, 3))}
    bases = optimizer.init(params).own.bases
    shapes = jax.tree.map(np.shape, bases, is_leaf=lambda x: x is None)
    assert shapes == {"wide": ((3, 3), ()), "tall": ((), (3, 3))}


def test_members_share_a_branch():
    """Decompositions are done when due, not at every step of a population."""
    start, grads = draw(4, 4, steps=3)
    optimizer = SOAP(RATE)
    states = jax.vmap(lambda _: optimizer.init(start))(grads)
    update = jax.vmap(lambda g, s: optimizer.update(g, s, start))
    names = [e.primitive.name for e in jax.make_jaxpr(update)(grads, states).eqns]
    assert names.count("cond") == 2  # the first bases, and the later ones


def test_members_out_of_step_are_refreshed_each_in_its_turn():
    start, grads = draw(4, 4)
    optimizer, many = SOAP(RATE, precondition_frequency=3), 4
    state = optimizer.init(start)
    alone = []
    for g in grads[:many]:
        alone.append((state, start, g))
        updates, state = optimizer.update(g, state, start)
        start = start + updates
    stacked = jax.tree.map(lambda *xs: jnp.stack(xs), *alone)
    together = jax.vmap(lambda s, p, g: optimizer.update(g, s, p))(*stacked)
    for i, (s, p, g) in enumerate(alone):
        one = optimizer.update(g, s, p)
        got = jax.tree.map(lambda x, i=i: x[i], together)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, 1e-4, 1e-5), got, one
        )


@pytest.mark.parametrize("dead", [slice(0), slice(1, 2), slice(None)])
def test_derivatives_are_finite_where_gradients_are_zero(dead):
    start, grads = draw(3, 5, steps=12)
    grads[:, dead] = 0

    def last(optimizer):
        return jnp.sum(path(optimizer, start, grads)[-1] ** 2)

    slopes = jax.grad(last)(SOAP(RATE, rest=SGD(RATE)))
    for slope in jax.tree.leaves(slopes):
        assert np.isfinite(slope)


def test_an_explosion_does_not_spoil_the_bases():
    start, grads = draw(3, 5, steps=30)
    grads[15] *= 1e30  # its square is no number
    assert np.isfinite(path(SOAP(RATE), start, grads)).all()
