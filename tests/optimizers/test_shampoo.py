"""Shampoo: its invariances, the lengths of grafted steps, and hostile statistics."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thalweg.optimizers import SGD, AdaGrad, Adam, RMSprop, Shampoo

GRAFTED = {
    "sgd": SGD(0.1),
    "adagrad": AdaGrad(0.1, eps=1e-8),
    "rmsprop": RMSprop(0.1, b2=0.9),
    "adam": Adam(0.1, b2=0.9),
}


@jax.jit
def steps(optimizer, start, grads):
    """The updates, on gradients that are given."""

    def step(carry, g):
        params, state = carry
        updates, state = optimizer.update(g, state, params)
        return (params + updates, state), updates

    return jax.lax.scan(step, (start, optimizer.init(start)), grads)[1]


def draw(*shape, count=24):
    """A start and gradients that drift, in single precision."""
    random = np.random.default_rng(0)
    start, drift = random.normal(size=(2, *shape))
    noise = random.normal(size=(count, *shape))
    return start.astype(np.float32), (noise + drift).astype(np.float32)


def lengths(updates):
    return np.linalg.norm(np.asarray(updates), axis=(1, 2))


@pytest.mark.parametrize("graft", GRAFTED)
def test_grafted_steps_are_as_long_as_the_other_methods(graft):
    start, grads = draw(3, 4)
    optimizer = Shampoo(0.1, b2=0.9, weight_decay=0.0, graft=graft, start=8)
    got, other = (steps(o, start, grads) for o in (optimizer, GRAFTED[graft]))
    np.testing.assert_allclose(got[:7], other[:7], rtol=1e-5)  # and are its steps
    np.testing.assert_allclose(lengths(got), lengths(other), rtol=1e-5)
    assert (np.abs(got[7:] - other[7:]).max(axis=(1, 2)) > 1e-3).all()


def test_rotated_inputs_and_outputs_rotate_the_steps(x64):
    random = np.random.default_rng(1)
    left, right = (np.linalg.qr(random.normal(size=(n, n)))[0] for n in (3, 5))
    start, grads = (x.astype(float) for x in draw(3, 5))
    optimizer = Shampoo(0.1, graft="sgd")
    plain = steps(optimizer, start, grads)
    turned = steps(optimizer, left @ start @ right, left @ grads @ right)
    np.testing.assert_allclose(turned, left @ plain @ right, rtol=1e-8, atol=1e-10)


def test_a_relative_eps_does_not_see_the_scale():
    start, grads = draw(3, 4)
    optimizer = Shampoo(0.1, weight_decay=0.0, graft="none", start=1)
    got = steps(optimizer, start, grads * 1e4)
    np.testing.assert_allclose(got, steps(optimizer, start, grads), 1e-3, 1e-5)


def test_one_side_has_the_whole_exponent():
    """A column's first step has length 1: (g g^T)^-1/2 g."""
    start, grads = draw(4, 1)
    got = steps(Shampoo(0.1, graft="none", start=1, weight_decay=0.0), start, grads)
    np.testing.assert_allclose(lengths(got)[0], 0.1, rtol=1e-3)


@pytest.mark.parametrize("limit", [{"one_sided": True}, {"longest": 3}])
def test_the_longer_side_may_stay_as_it_is(limit):
    params = {"wide": jnp.ones((3, 5)), "tall": jnp.ones((2, 2, 3))}
    roots = Shampoo(**limit).init(params).own.roots
    shapes = jax.tree.map(np.shape, roots, is_leaf=lambda x: x is None)
    assert shapes == {"wide": ((3, 3), ()), "tall": ((), (3, 3))}


def test_what_has_no_side_follows_the_grafted_method():
    start, grads = draw(3, 4)
    got = steps(Shampoo(0.1, longest=2, weight_decay=0.0, b2=0.9), start, grads)
    np.testing.assert_allclose(got, steps(GRAFTED["adam"], start, grads), rtol=1e-5)


def test_members_share_a_branch():
    start, grads = draw(4, 4, count=3)
    optimizer = Shampoo()
    states = jax.vmap(lambda _: optimizer.init(start))(grads)
    update = jax.vmap(lambda g, s: optimizer.update(g, s, start))
    names = [e.primitive.name for e in jax.make_jaxpr(update)(grads, states).eqns]
    assert names.count("cond") == 1


@pytest.mark.parametrize("graft", ["none", *GRAFTED])
@pytest.mark.parametrize("dead", [slice(0), slice(1, 2), slice(None)])
def test_derivatives_are_finite_where_gradients_are_zero(graft, dead):
    start, grads = draw(3, 5, count=6)
    grads[:, dead] = 0
    optimizer = Shampoo(0.1, graft=graft, start=2, precondition_frequency=2)
    assert np.isfinite(steps(optimizer, start, grads)).all()
    slopes = jax.grad(lambda o: jnp.sum(steps(o, start, grads) ** 2))(optimizer)
    assert all(np.isfinite(slope) for slope in jax.tree.leaves(slopes))


def test_an_explosion_does_not_spoil_the_roots():
    start, grads = draw(3, 5)
    grads[15] *= 1e25  # its square is no number
    assert np.isfinite(steps(Shampoo(0.1), start, grads)).all()
