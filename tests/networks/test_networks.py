"""What every network of the table keeps, whatever its columns and embeddings."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from thalweg.activations import Sigmoid, choose
from thalweg.core.errors import InvalidInput, UnknownName
from thalweg.networks import (
    EMBEDDINGS,
    MLP,
    NETWORKS,
    Fixed,
    Inputs,
    ResidualMLP,
    TabM,
    choose_normalization,
    partition,
)

CARDINALITIES = (3, 5, 20, 1)
KINDS = ("none", "layer", "rms")
ACTIVATIONS = ("relu", "silu", "tanh")


def columns(numeric: bool, categorical: bool, rows: int = 6):
    """Inputs, and a batch of them."""
    rng = np.random.default_rng(0)
    bins = np.sort(rng.normal(size=(4, 9)), axis=1)
    inputs = Inputs(
        4 if numeric else 0,
        CARDINALITIES if categorical else (),
        bins if numeric else None,
    )
    codes = np.stack([rng.integers(0, n, rows) for n in CARDINALITIES], axis=1)
    x = {}
    if numeric:
        x["numeric"] = jnp.asarray(rng.normal(size=(rows, 4)), jnp.float32)
    if categorical:
        x["categorical"] = jnp.asarray(codes, jnp.int32)
    return inputs, x


@eqx.filter_jit
def build(description, inputs, outputs, key):
    """Without `jit` each of a hundred small operations is compiled by itself."""
    return description.build(inputs, outputs, key=key)


@eqx.filter_jit
def apply(network, x, key=None, inference=False):
    return network(x, key=key, inference=inference)


def small(name: str, **options):
    """A description of that kind whose hidden part is small."""
    shape = {
        "mlp": {"hidden": (8, 8, 8)},
        "resmlp": {"width": 8, "blocks": 3},
        "tabm": {"members": 4, "hidden": (8, 8, 8)},
    }
    return NETWORKS[name](**shape[name], **options)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("embedding", EMBEDDINGS)
@pytest.mark.parametrize(
    ("numeric", "categorical"), [(True, False), (True, True), (False, True)]
)
def test_shapes_and_dtype(name, embedding, numeric, categorical):
    inputs, x = columns(numeric, categorical)

    def run(key):
        network = small(name, numeric_embedding=embedding).build(inputs, 3, key=key)
        return network(x, key=key), network

    y, network = jax.eval_shape(run, jr.key(0))
    assert y.shape == ((6, 4, 3) if name == "tabm" else (6, 3))
    assert y.dtype == jnp.float32
    kinds = {leaf.dtype for leaf in jax.tree.leaves(network)}
    assert kinds <= {jnp.dtype(jnp.float32), jnp.dtype(jnp.int32)}


def everything(name: str, number):
    """A description all of whose data differ between members."""
    options = {
        "activation": choose(ACTIVATIONS, number % 3),
        "normalization": choose_normalization(KINDS, (number + 1) % 3),
        "dropout": 0.1 * number,
        "depth": 1 + number % 3,
        "numeric_embedding": EMBEDDINGS["pbld"](sigma=0.1 + number),
    }
    return small(name, **options)


@pytest.mark.parametrize("name", NETWORKS)
def test_population_is_its_members_one_by_one(name):
    inputs, x = columns(True, True)
    keys = jr.split(jr.key(1), 4)
    traces = []

    def one(description, key):
        traces.append(1)
        network = description.build(inputs, 3, key=key)
        return network(x, key=key), network(x)

    descriptions = [everything(name, n) for n in range(4)]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *descriptions)
    together = jax.jit(jax.vmap(one))(stacked, keys)
    alone = jax.jit(one)
    apart = [alone(d, k) for d, k in zip(descriptions, keys, strict=True)]
    assert len(traces) == 2  # all members are one program
    for n, pair in enumerate(apart):
        for a, b in zip(together, pair, strict=True):
            np.testing.assert_allclose(a[n], b, rtol=2e-4, atol=2e-5)
    # and their data do make a difference
    trained, used = apart[2]
    assert np.max(np.abs(trained - used)) > 1e-3


def hidden(network):
    """The field that holds the layers which depth counts."""
    return "blocks" if hasattr(network, "blocks") else "layers"


@pytest.mark.parametrize("name", NETWORKS)
def test_depth_is_a_shallower_network(name):
    inputs, x = columns(True, False)
    key = jr.key(2)

    @jax.jit
    def outputs(depth):
        network = small(name, depth=depth).build(inputs, 3, key=key)

        def total(params, rest):
            return jnp.sum(eqx.combine(params, rest)(x) ** 2)

        return network(x), jax.grad(total)(*partition(network))

    whole = build(small(name), inputs, 3, key)
    where = hidden(whole)
    for depth in (1, 2, 3):
        y, grads = outputs(jnp.asarray(depth))
        manual = eqx.tree_at(
            lambda n: getattr(n, where), whole, getattr(whole, where)[:depth]
        )
        np.testing.assert_allclose(y, apply(manual, x), rtol=1e-4, atol=1e-5)
        active, idle = getattr(grads, where)[:depth], getattr(grads, where)[depth:]
        assert all(np.any(layer_kernel(layer)) for layer in active)
        assert not any(np.any(leaf) for leaf in jax.tree.leaves(idle))


def layer_kernel(layer):
    return (layer.inner if hasattr(layer, "inner") else layer.linear).kernel


def paths(tree) -> list[str]:
    """Where each leaf is, as a report would print it."""
    return [
        jax.tree_util.keystr(path, simple=True, separator=".")
        for path, _ in jax.tree_util.tree_leaves_with_path(tree)
    ]


@pytest.mark.parametrize("name", NETWORKS)
def test_partition_and_its_inverse(name):
    inputs, x = columns(True, True)
    description = everything(name, 2)
    network = build(description, inputs, 3, jr.key(3))
    params, rest = partition(network)
    again = eqx.combine(params, rest)
    assert bool(eqx.tree_equal(again, network))
    np.testing.assert_array_equal(apply(again, x), apply(network, x))
    names = {path.split(".")[-1] for path in paths(params)}
    assert names <= {
        "kernel",
        "bias",
        "scale",
        "embedding",
        "frequency",
        "phase",
        "incoming",
        "outgoing",
    }
    assert {"kernel", "bias", "scale", "embedding", "frequency"} <= names


@pytest.mark.parametrize("name", NETWORKS)
def test_no_two_layers_start_alike(name):
    inputs, _ = columns(True, True)
    network = build(small(name, numeric_embedding="pbld"), inputs, 8, jr.key(13))
    seen = {}
    for path, leaf in zip(paths(network), jax.tree.leaves(network), strict=True):
        numbers = np.asarray(leaf, np.float64).reshape(-1)
        if len(numbers) > 3 and np.std(numbers) > 0:
            seen[path] = (numbers / np.std(numbers))[:40]
    assert len(seen) >= 5
    for one, a in seen.items():
        for other, b in seen.items():
            n = min(len(a), len(b))
            assert one == other or not np.allclose(a[:n], b[:n], rtol=1e-2), other


@pytest.mark.parametrize("embedding", EMBEDDINGS)
def test_what_is_fixed_gets_no_gradient(embedding):
    inputs, _ = columns(True, False)
    description = MLP(
        hidden=(8, 8),
        activation=choose(ACTIVATIONS, 1),
        normalization=choose_normalization(KINDS, 1),
        dropout=0.1,
        depth=1,
        numeric_embedding=embedding,
    )
    network = build(description, inputs, 2, jr.key(4))
    fixed = [
        leaf
        for node in jax.tree.leaves(network, is_leaf=lambda n: isinstance(n, Fixed))
        if isinstance(node, Fixed)
        for leaf in jax.tree.leaves(node)
    ]
    kept = jax.tree.leaves(partition(network)[0])
    assert len(fixed) >= 4
    assert all(leaf is not other for leaf in fixed for other in kept)
    assert sum(eqx.is_array(v) for v in jax.tree.leaves(network)) == len(kept) + len(
        fixed
    ) + len([p for p in paths(network) if p.endswith("index")])


def test_learnable_slope_is_a_parameter_of_each_layer():
    inputs, x = columns(True, False)
    description = MLP(hidden=(8, 8), activation=Sigmoid(2.0, learnable=True))
    params, rest = partition(build(description, inputs, 2, jr.key(5)))
    grads = jax.jit(jax.grad(lambda p: jnp.sum(eqx.combine(p, rest)(x))))(params)
    slopes = [layer.activation.slope for layer in grads.layers]
    assert len(slopes) == 2
    assert all(abs(float(slope)) > 1e-6 for slope in slopes)


@pytest.mark.parametrize("name", NETWORKS)
def test_dropout_needs_a_key_and_training(name):
    inputs, x = columns(True, False)
    network = build(small(name, dropout=0.5), inputs, 3, jr.key(6))
    plain = apply(network, x)
    np.testing.assert_array_equal(plain, apply(network, x, jr.key(7), True))
    trained = apply(network, x, jr.key(7))
    assert np.max(np.abs(trained - plain)) > 1e-3
    assert np.max(np.abs(trained - apply(network, x, jr.key(8)))) > 1e-3


def test_array_stands_for_numeric_columns():
    inputs, x = columns(True, False)
    network = build(small("mlp"), inputs, 2, jr.key(8))
    np.testing.assert_array_equal(apply(network, x), apply(network, x["numeric"]))


def test_double_precision(x64):
    inputs, x = columns(True, True)
    inputs = Inputs(4, CARDINALITIES, inputs.bins)
    x = {"numeric": x["numeric"].astype(jnp.float64), "categorical": x["categorical"]}
    for name, embedding in zip(NETWORKS, ("ple", "pbld", "periodic"), strict=True):

        def run(key, name=name, embedding=embedding):
            options = {"numeric_embedding": embedding, "dropout": 0.1}
            network = small(name, **options).build(inputs, 2, key=key)
            return network(x, key=key)

        assert jax.eval_shape(run, jr.key(0)).dtype == jnp.float64


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MLP(hidden=()), "at least one layer"),
        (lambda: MLP(hidden=(4, 0)), "at least one unit"),
        (lambda: MLP(hidden=(4, 8), depth=1), "one width"),
        (lambda: TabM(hidden=(4, 8), depth=1), "one width"),
        (lambda: TabM(members=0), "members=0|got 0"),
        (lambda: ResidualMLP(blocks=0), "blocks=0"),
        (lambda: MLP(dropout=1.0), r"\[0, 1\)"),
        (lambda: MLP(dropout=-0.1), r"\[0, 1\)"),
        (lambda: EMBEDDINGS["pbld"](size=1), ">= 2"),
        (lambda: Inputs(), "at least one column"),
        (lambda: Inputs(-1), "numeric=-1"),
        (lambda: Inputs(1, (0,)), "cardinalities"),
        (lambda: Inputs(2, bins=np.zeros((3, 4))), "a row of edges"),
        (lambda: MLP().build(Inputs(0, (1,)), 1, key=jr.key(0)), "varies"),
        (
            lambda: MLP(numeric_embedding="ple").build(Inputs(2), 1, key=jr.key(0)),
            "Inputs.bins",
        ),
    ],
)
def test_rules_are_stated(make, message):
    with pytest.raises(InvalidInput, match=message):
        make()


def test_columns_must_be_those_it_was_built_for():
    network = build(small("mlp"), Inputs(4), 1, jr.key(0))
    with pytest.raises(InvalidInput, match="4 numeric columns, but got 3"):
        network(jnp.zeros((2, 3)))
    with pytest.raises(InvalidInput, match="0 categorical columns, but got 1"):
        network({"numeric": jnp.zeros((2, 4)), "categorical": jnp.zeros((2, 1), int)})


@pytest.mark.parametrize(
    ("option", "wrong", "near"),
    [
        ("activation", "reul", "relu"),
        ("normalization", "layr", "layer"),
        ("numeric_embedding", "periodical", "periodic"),
        ("init", "glorott", "glorot"),
    ],
)
def test_unknown_names_suggest_the_nearest(option, wrong, near):
    with pytest.raises(UnknownName, match=f"'{near}'"):
        MLP(**{option: wrong})


def test_hidden_may_be_a_list_or_a_number():
    assert MLP(hidden=[4, 5]).hidden == (4, 5)
    assert MLP(hidden=7).hidden == (7,)


def test_a_description_is_made_of_arrays():
    for name in NETWORKS:
        leaves = jax.tree.leaves(small(name, dropout=0.1, depth=2))
        assert leaves
        assert all(isinstance(leaf, jax.Array) for leaf in leaves)


def test_training_fits():
    """Each kind learns a function that a linear model can't."""
    rng = np.random.default_rng(1)
    x = jnp.asarray(rng.uniform(-2, 2, size=(128, 4)), jnp.float32)
    target = jnp.abs(x[:, :1]) + jnp.where(x[:, 1:2] > 0, x[:, 2:3], 0)
    target = target - jnp.mean(target)
    bins = jnp.quantile(x, jnp.linspace(0, 1, 9), axis=0).T
    for name in NETWORKS:
        loss = partial(fitted, small(name, numeric_embedding="ple"), bins)
        start, end = jax.jit(loss)(x, target)
        assert end < 0.2 * start, name


def fitted(description, bins, x, target):
    """The loss before and after 150 steps of momentum."""
    network = description.build(Inputs(4, (), bins), 1, key=jr.key(11))
    params, rest = partition(network)

    def loss(params):
        y = eqx.combine(params, rest)(x)
        y = y if y.ndim == 2 else jnp.mean(y, axis=1)
        return jnp.mean((y - target) ** 2)

    def step(_, carry):
        params, speed = carry
        grads = jax.grad(loss)(params)
        speed = jax.tree.map(lambda s, g: 0.9 * s + g, speed, grads)
        return jax.tree.map(lambda p, s: p - 0.01 * s, params, speed), speed

    zeros = jax.tree.map(jnp.zeros_like, params)
    trained, _ = jax.lax.fori_loop(0, 150, step, (params, zeros))
    return loss(params), loss(trained)
