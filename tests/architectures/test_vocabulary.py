"""Trees with choices: their spaces, and the networks that come of them."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import thalweg as tw
from thalweg.architectures import (
    InputChoice,
    LayerChoice,
    Repeat,
    assign,
    choices_in,
    fixed,
    label,
    mixed,
    space_of,
    switched,
)
from thalweg.core.errors import InvalidInput, UnknownName
from thalweg.networks.layers import (
    Activate,
    Conv,
    Dense,
    DepthwiseConv,
    Dropout,
    Identity,
    MaxPool,
    Sequential,
    SqueezeExcitation,
    Zero,
    shape_after,
)

SEED = jnp.uint32(3)
TREE = Sequential(
    [
        Conv(tw.Choice([4, 8]), size=3),
        LayerChoice(
            {
                "conv": Conv(4, size=tw.Choice([1, 3])),
                "pool": MaxPool(3, stride=1, padding="same"),
            }
        ),
        Repeat(
            lambda i: Sequential([Dropout(tw.Float(0.0, 0.5)), Activate("relu")]),
            (0, 2),
        ),
    ]
)


def built(tree, shape=(6, 6, 2)):
    return tree.build(shape, seed=SEED)


def x(shape=(5, 6, 6, 2)):
    return jnp.asarray(np.random.default_rng(0).normal(size=shape), jnp.float32)


def test_the_space_has_a_parameter_per_place():
    space = space_of(TREE)
    assert list(space.parameters) == [
        "layers.0.channels",
        "layers.1",
        "layers.1.conv.size",
        "layers.2",
        "layers.2.0.layers.0.rate",
        "layers.2.1.layers.0.rate",
    ]
    config = {"layers.0.channels": 8, "layers.1": "pool", "layers.2": 0}
    assert space.validate(config) == config  # what is absent needs no value


def test_what_is_inside_an_alternative_exists_with_it():
    space = space_of(TREE)
    rng = np.random.default_rng(0)
    for config in space.decode(rng.random((200, space.dim))):
        assert ("layers.1.conv.size" in config) == (config["layers.1"] == "conv")
        for i in range(2):
            there = config["layers.2"] > i
            assert (f"layers.2.{i}.layers.0.rate" in config) == there


def test_every_configuration_is_a_network():
    space = space_of(TREE)
    rng = np.random.default_rng(1)
    for config in space.decode(rng.random((20, space.dim))):
        module = built(fixed(TREE, config))
        width = 4 if config["layers.1"] == "conv" else config["layers.0.channels"]
        assert shape_after(module, (6, 6, 2)) == (6, 6, width)


def test_equal_labels_are_one_choice():
    width = label("width", tw.Choice([3, 5]))
    tree = Sequential([Dense(width), Dense(width)])
    assert list(space_of(tree).parameters) == ["width"]
    module = built(fixed(tree, {"width": 5}), (7,))
    assert [m.kernel.shape for m in jax.tree.leaves(module, is_leaf=has_kernel)] == [
        (7, 5),
        (5, 5),
    ]


def test_an_activation_may_be_chosen():
    tree = Sequential([Activate(label("activation", tw.Choice(["relu", "tanh"])))])
    module = built(fixed(tree, {"activation": "tanh"}), (3,))
    np.testing.assert_allclose(module(-jnp.ones((1, 3))), -np.tanh(1), rtol=1e-4)


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        (lambda name: Dense(3, init=name), "lecun"),
        (lambda name: Conv(3, init=name), "lecun"),
        (lambda name: DepthwiseConv(init=name), "lecun"),
        (lambda name: SqueezeExcitation(activation=name), "silu"),
        (lambda name: SqueezeExcitation(gate=name), "tanh"),
    ],
)
def test_what_has_a_name_may_be_chosen(layer, name):
    tree = Sequential([layer(label("name", tw.Choice(["relu", "he", name])))])
    chosen, plain = (
        built(one, (4, 4, 2))(x((1, 4, 4, 2)))
        for one in (fixed(tree, {"name": name}), Sequential([layer(name)]))
    )
    np.testing.assert_array_equal(chosen, plain)


def has_kernel(node):
    return hasattr(node, "kernel") and node.kernel.ndim == 2


def test_one_label_for_two_different_choices_is_refused():
    tree = Sequential(
        [
            Dense(label("width", tw.Choice([3, 5]))),
            Dense(label("width", tw.Choice([3, 4]))),
        ]
    )
    with pytest.raises(InvalidInput, match="'width' is both"):
        space_of(tree)


def test_a_label_inside_and_outside_of_an_alternative_exists_always():
    width = label("width", tw.Choice([3, 5]))
    tree = Sequential([LayerChoice({"a": Dense(width), "b": Identity()}), Dense(width)])
    assert not space_of(tree).parameters["width"].conditions


SWITCHABLE = Sequential(
    [
        Conv(4, size=3),
        LayerChoice(
            {
                "none": Zero(),
                "skip": Identity(),
                "conv": Sequential([Conv(4, size=3), Dropout(0.5)]),
            },
            label="op",
        ),
        Repeat(Conv(4, size=3), (1, 3), label="depth"),
    ]
)


@pytest.mark.parametrize("op", ["none", "skip", "conv"])
@pytest.mark.parametrize("depth", [1, 3])
def test_switched_is_the_network_that_fixed_is(op, depth):
    config = {"op": op, "depth": depth}
    alone, together = (built(how(SWITCHABLE, config)) for how in (fixed, switched))
    for seed in (None, jnp.uint32(7)):  # with dropout: it is the same one
        np.testing.assert_allclose(
            alone(x(), seed=seed), together(x(), seed=seed), rtol=1e-5, atol=1e-6
        )


def test_switched_networks_differ_in_data_alone():
    first = switched(SWITCHABLE, {"op": "none", "depth": 1})
    second = switched(SWITCHABLE, {"op": "conv", "depth": 3})
    assert jax.tree.structure(first) == jax.tree.structure(second)
    network = built(first)
    assert [type(node).__name__ for node in choices_in(network)] == [
        "Switch",
        "Repeated",
    ]
    changed = assign(network, {"op": 2, "depth": 3})
    np.testing.assert_allclose(changed(x()), built(second)(x()), rtol=1e-6)


def test_mixtures_weigh_their_candidates():
    network = built(mixed(SWITCHABLE, {"depth": 1}))

    def value(weights):
        return jnp.sum(assign(network, {"op": weights})(x()))

    for number, op in enumerate(["none", "skip", "conv"]):
        alone = built(fixed(SWITCHABLE, {"op": op, "depth": 1}))
        one_hot = jnp.eye(3)[number]
        np.testing.assert_allclose(value(one_hot), jnp.sum(alone(x())), rtol=1e-5)
    slopes = jax.grad(value)(jnp.ones(3) / 3)  # the output is linear in the weights
    assert slopes[0] == pytest.approx(
        float(value(jnp.eye(3)[0]) - value(jnp.zeros(3))), abs=1e-3
    )


def test_alternatives_of_several_shapes_cannot_be_data():
    tree = Sequential([LayerChoice({"a": Dense(3), "b": Dense(4)}, label="width")])
    assert built(fixed(tree, {"width": "b"}), (2,))(jnp.ones((1, 2))).shape == (1, 4)
    with pytest.raises(InvalidInput, match="in 'width' there are"):
        built(switched(tree, {"width": "b"}), (2,))


class Own(eqx.Module):
    """A user's network, as equinox's documentation writes them: for one example."""

    first: eqx.nn.Linear
    middle: LayerChoice
    skip: InputChoice
    last: eqx.nn.Linear

    def __init__(self, key):
        keys = jax.random.split(key, 4)
        self.first = eqx.nn.Linear(4, 8, key=keys[0])
        self.middle = LayerChoice(
            {
                "linear": eqx.nn.Linear(8, 8, key=keys[1]),
                "mlp": eqx.nn.MLP(8, 8, 16, 1, key=keys[2]),
            },
            label="middle",
        )
        self.skip = InputChoice(2, chosen=None, label="skip")
        self.last = eqx.nn.Linear(8, 3, key=keys[3])

    def __call__(self, x):
        h = self.first(x)
        return self.last(self.skip([h, jax.nn.relu(self.middle(h))]))


def test_a_network_of_ones_own_is_searched_without_subclassing():
    own = Own(jax.random.key(0))
    space = space_of(own)
    assert dict(space.parameters)["skip"].values == ("0", "1", "0+1")
    with pytest.raises(InvalidInput, match="is decided before it is built"):
        own(jnp.ones(4))
    for config in ({"middle": "linear", "skip": "0+1"}, {"middle": "mlp", "skip": "1"}):
        alone, together = fixed(own, config), switched(own, config)
        np.testing.assert_allclose(
            alone(jnp.ones(4)), together(jnp.ones(4)), rtol=1e-5, atol=1e-6
        )
    rng = np.random.default_rng(0)
    data = rng.normal(size=(64, 4)).astype(np.float32), rng.integers(0, 3, 64)
    model, _ = tw.train(fixed(own, {"middle": "mlp", "skip": "0+1"}), data, epochs=1)
    assert model.predict(data[0]).shape == (64,)


@pytest.mark.parametrize(
    ("block", "inner"), [(Repeat(Identity(), (1, 3)), 2), (LayerChoice([Zero()]), "0")]
)
def test_how_often_a_block_is_there_is_one_choice_and_what_it_is_another(block, inner):
    tree = Sequential([Repeat(block, (1, 3))])
    config = {"layers.0": 3, "layers.0.block": inner}
    assert list(space_of(tree).parameters) == list(config)
    (row,) = fixed(tree, config).layers
    assert len(row.layers) == 3
    if inner == 2:
        assert [len(one.layers) for one in row.layers] == [2, 2, 2]


@pytest.mark.parametrize("number", [0, 2])
def test_modules_of_ones_own_are_repeated_any_number_of_times(number):
    blocks = Repeat(eqx.nn.Lambda(lambda x: x + 1), (0, 2), label="blocks")
    for decide in (fixed, switched):
        assert decide(blocks, {"blocks": number})(jnp.zeros(())) == number


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: LayerChoice([]), "at least one layer"),
        (lambda: LayerChoice({1: Identity()}), "by strings, but got 1"),
        (lambda: InputChoice(2, chosen=3), "inputs=2, chosen=3"),
        (lambda: InputChoice(2, merge="mean"), "but got 'mean'"),
        (lambda: Repeat(Identity(), (-1, 2)), "whole numbers >= 0"),
        (lambda: Repeat(Identity(), tw.Float(0, 1)), "whole numbers >= 0"),
        (lambda: label("width", 3), "but got 3"),
        (lambda: space_of(Sequential([Dense(3)])), "nothing to search"),
        (lambda: space_of(LayerChoice([Dense(3)])), "needs a label"),
        (lambda: fixed(SWITCHABLE, {"op": "nine", "depth": 1}), "nine"),
        (
            lambda: SWITCHABLE.build((4, 4, 1), seed=SEED),
            "is decided before it is built",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(make, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        make()


def test_an_unknown_label_is_refused():
    network = built(switched(SWITCHABLE, {"op": "skip", "depth": 2}))
    with pytest.raises(UnknownName, match="opp"):
        assign(network, {"opp": 1})
