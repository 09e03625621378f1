"""PSGD-Kron: its equations written with whole Kronecker products, and its promises."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thalweg.optimizers import Kron
from thalweg.optimizers.kron import refreshed, signs, whitened
from thalweg.testing.oracles import problem


@eqx.filter_jit
def trajectory(optimizer, params, grads):
    """The parameters after each step, and the last state."""

    def step(carry, g):
        params, state = carry
        updates, state = optimizer.update(g, state, params)
        params = jax.tree.map(jnp.add, params, updates)
        return (params, state), params

    (_, state), path = jax.lax.scan(step, (params, optimizer.init(params)), grads)
    return path, state


def lower_bound(a):
    row = a[np.argmax(np.linalg.norm(a, axis=0))]
    row = a @ row
    return np.linalg.norm(a @ row) / np.linalg.norm(row)


def kron_paper(p, grads, probes, rate=0.1, momentum=0.9):
    """Li 2022, section 4: triangles of whole Kronecker products, vectors, no sides."""
    shape, q = p.shape, [np.eye(n) for n in p.shape]
    m = np.zeros_like(p)
    for t, (g, v) in enumerate(zip(grads, probes, strict=True), 1):
        m = momentum * m + (1 - momentum) * g
        whole, hat = np.kron(*q), m / (1 - momentum**t)
        a = (whole @ hat.reshape(-1)).reshape(shape)
        b = np.linalg.solve(whole.T, v.reshape(-1)).reshape(shape)
        sides = [(a @ a.T, b @ b.T), (a.T @ a, b.T @ b)]
        q = [
            x - 0.1 / lower_bound(one + other) * np.triu(one - other) @ x
            for x, (one, other) in zip(q, sides, strict=True)
        ]
        whole = np.kron(*q)
        step = (whole.T @ whole @ hat.reshape(-1)).reshape(shape)
        p = p - rate * step * min(1, 1.1 / (np.sqrt(np.mean(step**2)) + 1e-6))
        yield p


def test_every_step_is_the_papers(x64, monkeypatch):
    matrices = problem("matrices")
    start, grads = (matrices.split(x)[0] for x in (matrices.start, matrices.gradients))
    probes = np.random.default_rng(0).normal(size=grads.shape)
    left = iter(probes)
    monkeypatch.setattr("thalweg.optimizers.kron.signs", lambda seed, like: next(left))
    optimizer, params, got = Kron(0.1), jnp.asarray(start), []
    state = optimizer.init(params)
    for g in grads:
        updates, state = optimizer.update(jnp.asarray(g), state, params)
        params = params + updates
        got.append(params)
    expected = list(kron_paper(start, grads, probes))
    np.testing.assert_allclose(got, expected, rtol=1e-11)
    assert next(left, None) is None


def test_refreshes_make_gradients_white(x64):
    """Correlated ones leave with nearly the identity as their covariance."""
    tall = np.array([[1, 0, 0, 0], [0.5, 0.5, 0, 0], [0, 1, 2, 0], [0.3, 0, 0, 0.4]])
    wide = np.array([[1, 0, 0], [1, 0.5, 0], [0, 0.5, 0.3]])

    def step(factors, noise):
        gradient = tall @ noise[0] @ wide.T
        return refreshed(factors, gradient, noise[1], 0.01), None

    noise = jnp.asarray(np.random.default_rng(0).normal(size=(3000, 2, 4, 3)))
    factors, _ = jax.lax.scan(step, (jnp.eye(4), jnp.eye(3)), noise)
    for q in factors:
        np.testing.assert_array_equal(q, jnp.triu(q))
    root = np.kron(tall, wide)
    assert np.linalg.cond(root @ root.T) > 3000
    root = np.kron(*(q.T @ q for q in factors)) @ root
    assert np.linalg.cond(root @ root.T) < 2
    assert abs(np.trace(root @ root.T) / 12 - 1) < 0.2


@pytest.mark.parametrize(
    ("settings", "steps"),
    [
        ({"frequency": 0.25, "settling": -np.inf}, [3, 7, 11, 15, 19]),
        (
            {"frequency": 0.2, "settling": 4.0, "anneal": 1.0},
            [0, 1, 2, 3, 4, 9, 14, 19],
        ),
        ({"frequency": 0.0, "settling": -np.inf}, []),
    ],
)
def test_refreshes_come_when_they_are_due(settings, steps):
    optimizer, params = Kron(0.1, **settings), jnp.array([1.0, 2.0, 3.0])
    state, update = optimizer.init(params), eqx.filter_jit(optimizer.update)
    seen = []
    for step in range(20):
        before = state.factors
        _, state = update(params, state, params)
        if not np.array_equal(before[0], state.factors[0]):
            seen.append(step)
    assert seen == steps


@pytest.mark.parametrize(
    ("settings", "ndims"),
    [
        ({}, [(1,), (1,), (2, 2), (1, 2), (2, 2, 2), (2, 2)]),
        ({"memory": "one_diagonal"}, [(1,), (1,), (2, 1), (1, 1), (2, 2, 1), (2, 1)]),
        (
            {"memory": "smart_one_diagonal"},
            [(1,), (1,), (2, 2), (1, 1), (2, 2, 1), (2, 1)],
        ),
        ({"memory": "diagonal"}, [(1,), (1,), (1, 1), (1, 1), (1, 1, 1), (1, 1)]),
        ({"longest": 3}, [(1,), (1,), (2, 2), (1, 1), (2, 2, 1), (2, 1)]),
    ],
)
def test_which_sides_have_triangles(settings, ndims):
    shapes = [(), (6,), (3, 3), (1, 4), (2, 3, 5), (3, 4)]
    state = Kron(**settings).init([jnp.zeros(shape) for shape in shapes])
    assert [tuple(q.ndim for q in factors) for factors in state.factors] == ndims


def test_a_seed_is_a_path():
    params = {"a": jnp.ones((3, 2)), "b": jnp.ones((3, 2))}
    grads = jax.tree.map(
        lambda p: jnp.asarray(np.random.default_rng(0).normal(size=(5, 3, 2))), params
    )
    grads = jax.tree.map(lambda g: g.astype(jnp.float32), grads)
    one, again, other = (
        trajectory(Kron(0.1, seed=seed), params, grads)[0] for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one["a"], again["a"])
    assert not np.allclose(one["a"][-1], other["a"][-1])
    assert not np.allclose(one["a"][-1], one["b"][-1])  # probes of their own


def test_probes_are_signs_that_do_not_repeat():
    like = jnp.zeros((64, 64))
    probes = np.stack([signs(jnp.uint32(seed), like) for seed in range(20)])
    assert set(np.unique(probes)) == {-1.0, 1.0}
    flat = probes.reshape(20, -1)
    cross = np.abs(flat @ flat.T / 4096 - np.eye(20))
    assert cross.max() < 5 / 64  # 5 sigma of 190 pairs
    assert np.abs(flat.mean(1)).max() < 5 / 64


def test_a_tensor_without_gradient_stays_finite():
    """Its preconditioner would grow without bound: infinity times 0 is NaN."""
    params = {"dead": jnp.ones((2, 2)), "live": jnp.ones((2, 2))}
    grads = {"dead": jnp.zeros((1500, 2, 2)), "live": jnp.ones((1500, 2, 2))}
    grads["dead"] = grads["dead"].at[-1].set(1e-3)
    path, state = trajectory(Kron(0.1, frequency=1.0), params, grads)
    np.testing.assert_array_equal(path["dead"][:-1], np.ones((1499, 2, 2)))
    moved = path["dead"][-1] - path["dead"][-2]
    assert 0 < np.abs(moved).max() < 0.25
    assert all(np.isfinite(q).all() for q in jax.tree.leaves(state.factors))


def test_a_step_is_clipped():
    params, optimizer = jnp.ones((4, 4)), Kron(1.0, clip=0.5, initial_scale=1e3)
    updates, _ = optimizer.update(params, optimizer.init(params), params)
    np.testing.assert_allclose(jnp.sqrt(jnp.mean(updates**2)), 0.5, rtol=1e-4)


def test_large_and_small_factors_are_balanced(x64):
    """The product is what counts: factors of 1e30 and 1e-30 are as good as ones."""
    random = np.random.default_rng(0)
    g, v = (jnp.asarray(random.normal(size=(3, 2))) for _ in range(2))
    plain = (jnp.eye(3), jnp.eye(2))
    skewed = (1e30 * jnp.eye(3), 1e-30 * jnp.eye(2))
    expected = whitened(refreshed(plain, g, v, 0.1), g)
    after = refreshed(skewed, g, v, 0.1)
    np.testing.assert_allclose(whitened(after, g), expected, rtol=1e-12)
    assert max(jnp.max(q) for q in after) < 2
