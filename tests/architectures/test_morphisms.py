"""Morphisms keep what a network computes: one by one, in chains, all at once."""

from types import SimpleNamespace

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from thalweg import networks
from thalweg.architectures import hill_climbing
from thalweg.architectures.hill_climbing import hill_climb, random_change
from thalweg.architectures.morphisms import (
    branched,
    deeper,
    inherit,
    skipped,
    wider,
    with_larger_kernel,
)
from thalweg.core.errors import InvalidInput
from thalweg.core.trainable import partition
from thalweg.networks.layers import (
    Activate,
    BatchNorm,
    Conv,
    Dense,
    DepthwiseConv,
    Flatten,
    LayerNorm,
    MaxPool,
    Residual,
    Sequential,
    SqueezeExcitation,
    calibrate,
)

KEY = jr.key(0)
IMAGES = networks.Images(6, 6, 2, mean=jnp.full(2, 0.3), std=jnp.full(2, 2.0))
NUMBERS = networks.Inputs(numeric=5)
TABLE = networks.Inputs(numeric=3, cardinalities=(3, 20))
RESIDUAL = Residual(Sequential([Conv(5, bias=False), BatchNorm(), Activate(), Conv(4)]))
CNN = networks.Stack(
    [
        Conv(4, bias=False),
        BatchNorm(),
        Activate(),
        RESIDUAL,
        Activate("gelu"),
        SqueezeExcitation(2),
        MaxPool(),
        DepthwiseConv(),
        Conv(6, stride=2),
        Activate("relu"),
    ],
    head="flatten",
)
DENSE = networks.Stack([Dense(8), LayerNorm(), Activate("tanh"), Dense(6), Activate()])
MLP = networks.MLP(hidden=(6, 6), ntk=True, scaling_layer=True)


def batch(inputs, rows=4):
    rng = np.random.default_rng(5)
    if inputs is TABLE:
        codes = rng.integers([3, 20], size=(rows, 2))
        return {
            "numeric": jnp.asarray(rng.standard_normal((rows, 3)), jnp.float32),
            "categorical": jnp.asarray(codes, jnp.int32),
        }
    shape = (rows, 6, 6, 2) if inputs is IMAGES else (rows, 5)
    return jnp.asarray(rng.standard_normal(shape), jnp.float32)


@eqx.filter_jit
def fresh(description, inputs):
    return description.build(inputs, 3, key=KEY)


def trained(description, inputs, seed=0):
    """A network whose weights and statistics are far from the first ones."""
    params, rest = partition(fresh(description, inputs))
    leaves, treedef = jax.tree.flatten(params)
    rng = np.random.default_rng(seed)
    moved = [
        np.asarray(leaf) + 0.3 * rng.standard_normal(leaf.shape).astype(np.float32)
        for leaf in leaves
    ]
    params = jax.tree.map(jnp.asarray, jax.tree.unflatten(treedef, moved))
    network = eqx.combine(params, rest)
    if inputs is TABLE:
        return network
    return eqx.filter_jit(calibrate)(network, batch(inputs, 32))


@eqx.filter_jit
def outputs(network, x, inference):
    return network(x, inference=inference)


def assert_same(parent, child, inputs, *, training=True, atol=1e-5):
    x = batch(inputs)
    for inference in [True, False] if training else [True]:
        want = np.asarray(outputs(parent, x, inference))
        got = np.asarray(outputs(child, x, inference))
        assert np.abs(want).max() > 0.1
        np.testing.assert_allclose(got, want, atol=atol, rtol=1e-5)


def size(network):
    return sum(leaf.size for leaf in jax.tree.leaves(partition(network)[0]))


@pytest.fixture(scope="module")
def parents():
    return {
        "cnn": (CNN, trained(CNN, IMAGES), IMAGES),
        "dense": (DENSE, trained(DENSE, NUMBERS), NUMBERS),
        "mlp": (MLP, trained(MLP, TABLE), TABLE),
    }


CHANGES = {
    "stage": ("cnn", wider, {"at": 0, "units": 7}),
    "fresh channels": ("cnn", wider, {"at": 0, "units": 7, "copies": False}),
    "within a residual": ("cnn", wider, {"at": (3, "body", 0), "units": 8}),
    "before the flattening": ("cnn", wider, {"at": 8, "units": 9}),
    "layer norm": ("dense", wider, {"at": 0, "units": 16}),
    "mlp wider": ("mlp", wider, {"at": 0, "units": 9}),
    "mlp deeper": ("mlp", deeper, {"at": 0}),
    "dense deeper": ("dense", deeper, {"at": 4}),
    "convolution": ("cnn", deeper, {"at": 2}),
    "kernel": ("cnn", with_larger_kernel, {"at": 8, "size": 5}),
    "depthwise kernel": ("cnn", with_larger_kernel, {"at": 7, "size": 5}),
    "branch": ("cnn", branched, {"at": 4, "units": 3}),
    "dense branch": ("dense", branched, {"at": 2}),
    "shortcut": ("cnn", skipped, {"first": 3, "last": 8}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_keeps_the_function(name, parents):
    which, change, arguments = CHANGES[name]
    description, network, inputs = parents[which]
    child, grown = change(description, network, inputs, key=KEY, **arguments)
    assert size(grown) > size(network)
    assert_same(network, grown, inputs)
    # the network is the one that its description builds
    want = eqx.filter_eval_shape(fresh, child, inputs)
    got = eqx.filter_eval_shape(lambda: grown)
    assert jax.tree.structure(got) == jax.tree.structure(want)
    assert jax.tree.leaves(got) == jax.tree.leaves(want)


def test_a_batch_norm_put_in_is_undone_at_inference(parents):
    description, network, inputs = parents["cnn"]
    _, grown = deeper(description, network, inputs, at=2, key=KEY, normalized=True)
    assert_same(network, grown, inputs, training=False)


def test_learned_activations_let_any_mlp_grow_deeper():
    description = networks.MLP(
        hidden=(6,), activation="silu", parametric_activation=True
    )
    network = trained(description, NUMBERS)
    for _ in range(2):
        description, grown = deeper(description, network, NUMBERS, at=0, key=KEY)
        assert_same(network, grown, NUMBERS)
    plain = networks.MLP(hidden=(6,), activation="silu")
    network = trained(plain, NUMBERS)
    with pytest.raises(InvalidInput, match="put in a ReLU after a ReLU"):
        deeper(plain, network, NUMBERS, at=0, key=KEY)


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    ("which", "seed"),
    [
        ("mlp", 0),
        ("dense", 0),
        *[pytest.param("mlp", seed, marks=SLOW) for seed in range(1, 4)],
        *[pytest.param("dense", seed, marks=SLOW) for seed in range(1, 4)],
        *[pytest.param("cnn", seed, marks=SLOW) for seed in range(4)],
    ],
)
def test_chains_of_changes_keep_the_function(which, seed, parents):
    description, first, inputs = parents[which]
    network, child, names = first, description, []
    for number in range(5):
        key = jr.fold_in(jr.key(seed), number)
        name, child, network = random_change(child, network, inputs, key=key)
        names.append(name)
    assert "none" not in names
    scale = float(np.abs(outputs(first, batch(inputs), True)).max())
    assert_same(first, network, inputs, atol=1e-5 * max(1, scale))
    # … and in one step from the first, unless it says that it can't
    try:
        found = inherit(first, child, inputs, key=KEY, strict=True)
    except InvalidInput:
        assert (which, seed) != ("dense", 0), names
        return
    assert_same(first, found, inputs, atol=1e-5 * max(1, scale))


def test_many_changes_at_once(parents):
    _, network, inputs = parents["cnn"]
    conv, norm, relu = Conv(9), BatchNorm(), Activate()
    inner = Sequential([Conv(7, bias=False), BatchNorm(), Activate(), Conv(9)])
    rest = [DepthwiseConv(5), Conv(8, size=5, stride=2), Activate()]
    layers = [Conv(9, size=5, bias=False), norm, relu, conv, norm, relu]
    layers += [
        Residual(inner),
        Activate("gelu"),
        Residual(Sequential([conv, relu, conv])),
    ]
    layers += [SqueezeExcitation(2), MaxPool(), *rest, Conv(8), relu]
    child = networks.Stack(layers, head="flatten")
    found = inherit(network, child, inputs, key=KEY, strict=True)
    assert_same(network, found, inputs, training=False)
    again = inherit(network, child, inputs, key=KEY, strict=True, copies=False)
    assert_same(network, again, inputs, training=False)


def test_what_can_not_be_kept_is_refused_with_the_reason(parents):
    _, network, inputs = parents["cnn"]

    def refused(change, match, which="cnn", **arguments):
        with pytest.raises(InvalidInput, match=match):
            change(*parents[which], key=KEY, **arguments)

    refused(
        wider, "widen the layer that its input comes from", at=(3, "body", 3), units=8
    )
    refused(wider, "more than its 4 units, but got 4", at=0, units=4)
    refused(wider, "`units` or `channels`", at=2, units=4)
    refused(wider, "There is no layer at 77", at=77, units=4)
    refused(wider, "whole multiple", which="dense", at=0, units=12)
    refused(wider, "whole multiple", which="dense", at=0, units=16, copies=False)
    refused(deeper, "put in a ReLU after a ReLU", at=4)
    refused(with_larger_kernel, "centred", at=8, size=2)
    refused(with_larger_kernel, "Only a convolution", at=2, size=5)
    refused(skipped, "first <= last", first=4, last=1)
    narrow = networks.Stack(
        [*CNN.layers[:-2], Conv(5, stride=2), Activate()], "flatten"
    )
    with pytest.raises(InvalidInput, match="became narrower"):
        inherit(network, narrow, inputs, key=KEY, strict=True)
    with pytest.raises(InvalidInput, match="same kind"):
        inherit(network, networks.MLP(), NUMBERS, key=KEY)
    with pytest.raises(InvalidInput, match="`Stack` or an `MLP`"):
        inherit(jnp.ones(3), networks.MLP(), NUMBERS, key=KEY)


def test_other_children_get_what_overlaps(parents):
    _, network, inputs = parents["dense"]
    narrow = networks.Stack(
        [Dense(8), LayerNorm(), Activate("tanh"), Dense(4), Activate()]
    )
    found = inherit(network, narrow, inputs, key=KEY)
    old, new = network.body.modules[3].kernel, found.body.modules[3].kernel
    np.testing.assert_array_equal(new, old[:, :4])
    other = networks.Stack([Flatten(), Dense(3), Activate("gelu")])
    x = batch(inputs)
    assert np.isfinite(outputs(inherit(network, other, inputs, key=KEY), x, True)).all()


def test_noise_tells_copies_apart(parents):
    description, network, inputs = parents["dense"]

    def columns(noise):
        _, grown = wider(
            description, network, inputs, at=3, units=12, key=KEY, noise=noise
        )
        return np.asarray(grown.body.modules[3].kernel), grown

    same, _ = columns(0.0)
    np.testing.assert_array_equal(same[:, ::2], same[:, 1::2])
    apart, grown = columns(0.01)
    np.testing.assert_array_equal(apart[:, ::2], same[:, ::2])  # the originals
    change = np.abs(apart - same)[:, 1::2] / same.std()
    assert 0 < change.max() < 0.05
    assert_same(network, grown, inputs, atol=0.2)


@pytest.mark.parametrize(
    ("layers", "wanted"),
    [
        ([Conv(2, size=(3, 1), bias=False)], {"kernel"}),
        (Sequential([Dense(2), Activate("relu")]), {"wider", "deeper"}),
    ],
)
def test_changes_are_drawn_however_the_layers_are_written(layers, wanted):
    inputs = IMAGES if "kernel" in wanted else NUMBERS
    description = networks.Stack(layers)
    network = description.build(inputs, 2, key=jr.key(0))
    found = set()
    for seed in range(20):
        if not wanted <= found:
            change = random_change(description, network, inputs, key=jr.key(seed))
            found.add(change[0])
    assert wanted <= found


def test_a_shortcut_goes_into_a_sequential_not_only_around_it(monkeypatch):
    layers = Sequential([Dense(4), Activate("relu"), Dense(3)])
    description = networks.Stack(Sequential([layers]))
    network = description.build(NUMBERS, 2, key=jr.key(0))

    def drawn(description, rng):
        return "skipped", lambda *args, **options: skipped(
            *args, first=1, last=2, **options
        )

    monkeypatch.setattr(hill_climbing, "_drawn", drawn)
    name, child, found = random_change(description, network, NUMBERS, key=jr.key(1))
    assert name == "skipped"
    assert [type(layer) for layer in child.layers] == [Dense, Residual]
    assert_same(network, found, NUMBERS)


def test_a_network_that_diverged_is_no_parent(monkeypatch):
    start = networks.MLP(hidden=(2,))
    inputs = networks.Inputs(numeric=3)
    losses = iter([np.nan, np.nan, 1.0])  # the start's, then the parent's and a child's

    def train(network, data, **options):
        if network is start:
            network = start.build(inputs, 1, key=jr.key(0))
        return SimpleNamespace(network=network), {"loss": np.array([next(losses)])}

    monkeypatch.setattr(hill_climbing, "train", train)
    X = np.arange(60.0).reshape(20, 3)
    climb = hill_climb(start, (X, X[:, 0]), steps=1, neighbours=2, changes=1)
    assert [one.loss for one in climb.steps[0]] == [np.inf, 1.0]
    assert climb.loss == 1.0
    assert climb.description != start


@pytest.mark.slow
def test_a_climb_improves_on_where_it_begins():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((256, 5)).astype(np.float32)
    y = np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2]
    start = networks.MLP(hidden=(4,))
    climb = hill_climb(
        start, (X, y), steps=2, neighbours=2, epochs=4, learning_rate=1e-2, noise=0.02
    )
    first = climb.steps[0]
    assert [len(step) for step in climb.steps] == [2, 2]
    assert first[0].changes == ()
    assert first[1].parameters > first[0].parameters
    assert climb.loss == min(n.loss for step in climb.steps for n in step)
    assert climb.model.evaluate(X, y)["loss"] < np.var(y)
    with pytest.raises(InvalidInput, match="`neighbours` >= 2"):
        hill_climb(start, (X, y), neighbours=1)
