"""Penalties: their gradient is the derivative of their value, on the right leaves."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thalweg.penalties import L1, L2, PENALTIES, Sum, decay_mask


class Layer(eqx.Module):
    kernel: jax.Array
    bias: jax.Array
    scale: jax.Array


@pytest.fixture
def params():
    """Two layers in a list, an embedding, a matrix and a norm scale of equinox."""
    layers = [
        Layer(jnp.array([[1.0, -2.0], [0.0, 3.0]]), jnp.ones(2), jnp.full(2, 2.0)),
        Layer(jnp.array([[4.0], [-5.0]]), jnp.ones(1), None),
    ]
    linear = eqx.nn.Linear(2, 1, key=jax.random.key(0))
    norm = eqx.nn.LayerNorm(3)
    user = eqx.filter([linear, norm], eqx.is_inexact_array)
    return {"layers": layers, "table": {"embedding": jnp.ones((3, 2))}, "user": user}


def chosen(params, groups=()):
    mask = decay_mask(params, groups)
    flat, _ = jax.tree_util.tree_flatten_with_path(mask)
    return [
        jax.tree_util.keystr(path, simple=True, separator="/")
        for path, used in flat
        if used
    ]


def test_biases_and_norms_are_not_regularized_by_default(params):
    assert chosen(params) == [
        "layers/0/kernel",
        "layers/1/kernel",
        "table/embedding",
        "user/0/weight",
    ]


def test_groups_are_chosen_by_path(params):
    assert chosen(params, ("layers/0/*",)) == [
        "layers/0/kernel",
        "layers/0/bias",
        "layers/0/scale",
    ]
    assert chosen(params, ("layers/?/bias", "table/*")) == [
        "layers/0/bias",
        "layers/1/bias",
        "table/embedding",
    ]
    assert chosen(params, ("absent",)) == []


def test_values_by_hand(params):
    groups = ("layers/*/kernel",)
    assert float(L1(0.1, "layers/*/kernel").value(params)) == pytest.approx(1.5)
    assert float(L2(0.1, groups).value(params)) == pytest.approx(0.05 * 55)
    both = Sum([L1(0.1, groups), L2(0.1, groups)])
    assert float(both.value(params)) == pytest.approx(1.5 + 2.75)


@pytest.mark.parametrize(
    "penalty",
    [
        *(kind(0.3) for kind in PENALTIES.values()),
        Sum((L1(0.2, ("layers/0/*",)), L2(0.5))),
    ],
    ids=lambda penalty: type(penalty).__name__,
)
def test_gradient_is_the_derivative_of_the_value(x64, params, penalty):
    want = jax.grad(penalty.value)(params)
    got = penalty.gradient(params)
    jax.tree.map(lambda g, w: np.testing.assert_allclose(g, w, rtol=1e-12), got, want)
    assert got["layers"][0].kernel[1, 0] == 0  # the subgradient at 0
    grads = jax.tree.map(jnp.ones_like, params)
    total = penalty.add_to(grads, params)
    jax.tree.map(lambda t, w: np.testing.assert_allclose(t, 1 + w, 1e-12), total, want)


def test_strength_is_a_leaf_and_dtypes_are_kept(params):
    traces = []

    @eqx.filter_jit
    def add(penalty, params):
        traces.append(1)
        return penalty.add_to(params, params)

    half = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), params)
    weak, strong = (add(L2(strength), half) for strength in (0.0, 1.0))
    assert len(traces) == 1
    assert {leaf.dtype for leaf in jax.tree.leaves(strong)} == {jnp.dtype(jnp.bfloat16)}
    np.testing.assert_array_equal(weak["layers"][1].kernel, half["layers"][1].kernel)
    kernel = strong["layers"][1].kernel.astype(jnp.float32)
    np.testing.assert_array_equal(kernel, [[8.0], [-10.0]])
