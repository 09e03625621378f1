"""Each network against the same function written out in NumPy."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from thalweg.networks import MLP, Inputs, ResidualMLP, TabM, choose_normalization

INPUTS = Inputs(5, (4, 30))
KEY = jr.key(12)


@eqx.filter_jit
def build(description):
    return description.build(INPUTS, 3, key=KEY)


@eqx.filter_jit
def shaken(network):
    """With other parameters than it starts with, so that none is 0 or 1."""
    leaves, treedef = jax.tree.flatten(network)
    new = [
        leaf + 0.1 * jr.normal(jr.key(n), leaf.shape)
        if jnp.issubdtype(leaf.dtype, jnp.floating)
        else leaf
        for n, leaf in enumerate(leaves)
    ]
    return jax.tree.unflatten(treedef, new)


def batch():
    rng = np.random.default_rng(3)
    return {
        "numeric": jnp.asarray(rng.normal(size=(7, 5)), jnp.float32),
        "categorical": jnp.asarray(rng.integers(0, 4, size=(7, 2)), jnp.int32),
    }


def as_numpy(network):
    return jax.tree.map(lambda v: np.asarray(v, np.float64), network)


def relu(x):
    return np.maximum(x, 0)


def layer_norm(x, norm):
    x = x - x.mean(axis=-1, keepdims=True)
    x = x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + 1e-5)
    return x * norm.scale + norm.bias


def features(network, x):
    return np.asarray(network.encoder(x), np.float64)


def check(got, expected):
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)


def test_mlp():
    network = shaken(
        build(
            MLP(
                hidden=(6, 8),
                normalization="layer",
                scaling_layer=True,
                parametric_activation=True,
                ntk=True,
            )
        )
    )
    x = batch()
    n = as_numpy(network)
    h = features(network, x) * n.scaling.scale
    for layer in n.layers:
        linear = layer.linear
        h = h @ linear.kernel / np.sqrt(len(linear.kernel)) + linear.bias
        h = layer_norm(h, layer.normalization)
        h = (1 - layer.blend) * h + layer.blend * relu(h)
    check(network(x), h @ n.head.kernel / np.sqrt(8) + n.head.bias)


def test_residual_mlp():
    network = shaken(build(ResidualMLP(width=6, blocks=2, expansion=1.5)))
    x = batch()
    n = as_numpy(network)
    assert n.blocks[0].inner.kernel.shape == (6, 9)
    h = features(network, x) @ n.stem.kernel + n.stem.bias
    for block in n.blocks:
        y = layer_norm(h, block.normalization)
        y = relu(y @ block.inner.kernel + block.inner.bias)
        h = h + y @ block.outer.kernel + block.outer.bias
    h = relu(layer_norm(h, n.normalization))
    check(network(x), h @ n.head.kernel + n.head.bias)


@pytest.mark.parametrize("mini", [False, True])
def test_tabm_is_its_members_apart(mini):
    network = shaken(build(TabM(members=3, hidden=(6, 8), mini=mini)))
    x = batch()
    n = as_numpy(network)
    outputs = []
    for m in range(3):
        h = features(network, x)
        for number, layer in enumerate(n.layers):
            linear = layer.linear
            if number == 0 or not mini:
                h = h * linear.incoming[m]
            h = h @ linear.kernel
            if not mini:
                h = h * linear.outgoing[m]
            h = relu(h + linear.bias[0 if mini else m])
        outputs.append(h @ n.kernel[m] + n.bias[m])
    check(network(x), np.stack(outputs, axis=1))


def test_tabm_members_start_apart_by_the_first_adapter_only():
    network = build(TabM(members=64, hidden=(6, 6)))
    first, second = (layer.linear for layer in network.layers)
    assert set(np.unique(first.incoming)) == {-1.0, 1.0}
    for adapter in (first.outgoing, second.incoming, second.outgoing):
        np.testing.assert_array_equal(adapter, 1)
    assert abs(np.mean(first.incoming[:, :5])) < 6 / np.sqrt(64 * 5)
    # one number for each column: the units of a category's code share it
    for start, stop in ((5, 8), (8, 16)):
        part = np.asarray(first.incoming[:, start:stop])
        np.testing.assert_array_equal(part, part[:, :1].repeat(stop - start, axis=1))
    assert len({tuple(row) for row in np.asarray(first.incoming)}) > 32
    heads = np.asarray(network.kernel)
    assert abs(heads.var() * 6 - 1) < 6 * np.sqrt(2 / heads.size)


def test_tabm_adapters_are_normal_with_an_embedding():
    network = build(TabM(members=200, hidden=6, numeric_embedding="pbld"))
    adapter = np.asarray(network.layers[0].linear.incoming)
    numbers = adapter[:, [0, 4, 8, 12, 16]]
    np.testing.assert_array_equal(adapter[:, 3], adapter[:, 0])
    assert abs(numbers.mean()) < 6 / np.sqrt(numbers.size)
    assert abs(numbers.var() - 1) < 6 * np.sqrt(2 / numbers.size)


def test_mini_has_fewer_parameters():
    def size(network):
        return sum(np.size(leaf) for leaf in jax.tree.leaves(network))

    whole, mini = (build(TabM(hidden=(32, 32), mini=m)) for m in (False, True))
    assert size(whole) - size(mini) == 16 * (32 + 32 + 32) + 15 * (32 + 32)


def test_parts_of_realmlp_start_as_the_identity():
    plain = build(MLP(hidden=(6, 8)))
    parts = build(MLP(hidden=(6, 8), scaling_layer=True, parametric_activation=True))
    x = batch()
    np.testing.assert_allclose(parts(x), plain(x), rtol=1e-6)


def test_the_choice_of_a_normalization_is_that_normalization():
    x = batch()
    kinds = ("none", "layer", "rms")
    for number, kind in enumerate(kinds):
        chosen = build(MLP(hidden=6, normalization=choose_normalization(kinds, number)))
        check(chosen(x), build(MLP(hidden=6, normalization=kind))(x))
