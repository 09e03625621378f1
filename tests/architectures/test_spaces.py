"""The spaces: every sample is a network, and counts are those of the real arrays."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thalweg.architectures import fixed, outline, space_of, spaces, switched
from thalweg.architectures.spaces.mobile import InvertedResidual, scaled
from thalweg.architectures.spaces.residual import BLOCKS, ResidualBlock
from thalweg.architectures.vocabulary import Repeat, lowering
from thalweg.core.errors import InvalidInput, UnknownName
from thalweg.core.trainable import partition
from thalweg.networks.layers import Conv, Sequential

SMALL = {  # few shapes, so that each is traced once
    "fully_connected": functools.partial(
        spaces.fully_connected, widths=(8, 16), activations=("relu", "silu")
    ),
    "plain": functools.partial(
        spaces.plain, widths=((8,), (16, 32)), activations=("relu",)
    ),
    "residual": functools.partial(spaces.residual, widths=((8,), (8, 16))),
    "mobile": functools.partial(
        spaces.mobile, widths=(8, 16), strides=(1, 2), sizes=(3, 5), skip=True
    ),
    "darts": functools.partial(spaces.darts, channels=4, cells=3),
    "recurrent": functools.partial(spaces.recurrent, units=(2, 4)),
    "recurrent_cell": functools.partial(spaces.recurrent_cell, nodes=3, units=4),
    "vit": functools.partial(spaces.vit, widths=(8, 16), depth=(1, 3)),
}
IMAGE = (7, 5, 1)  # odd and uneven on purpose


@functools.cache
def tree_of(name):
    return SMALL[name]()


def check_samples(name, number):
    """Encode inverts decode, and layers fit each other down to one shape."""
    tree = tree_of(name)
    space = space_of(tree)
    u = space.canonical(np.random.default_rng(0).random((number, space.dim)))
    configs = space.decode(u)
    # a number is written with twelve digits
    np.testing.assert_allclose(space.encode(configs), u, rtol=0, atol=1e-11)
    heights = set()
    for config in configs:
        # what `fixed` does, but for checking the configuration
        layers = outline(lowering._resolve(tree, "", config, lowering._take), IMAGE)
        heights.add(layers[-1].after[:-1])
    assert len(heights) == 1
    assert len(u) > 200
    assert len(np.unique(u, axis=0)) > 100


@pytest.mark.parametrize("name", ["plain", "residual"])
def test_samples_are_networks(name):
    check_samples(name, 300)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["fully_connected", "mobile", "darts", "recurrent", "recurrent_cell", "vit"],
)
def test_samples_of_larger_spaces_are_networks(name):
    check_samples(name, 300)


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", SMALL)
def test_ten_thousand_samples_are_networks(name):
    check_samples(name, 10_000)


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_parameters_are_counted_as_the_arrays_are(name):
    tree = tree_of(name)
    space = space_of(tree)
    for config in space.decode(np.random.default_rng(1).random((2, space.dim))):
        layer = fixed(tree, config)
        parts = outline(layer, IMAGE)
        shapes = jax.eval_shape(
            lambda seed, layer=layer: partition(layer.build(IMAGE, seed=seed))[0],
            jnp.uint32(0),
        )
        count = sum(leaf.size for leaf in jax.tree.leaves(shapes))
        assert sum(part.parameters for part in parts) == count


def test_an_outline_opens_rows_and_nothing_else():
    row = Sequential([Conv(2, size=1), Repeat(Conv(3, size=1), (1, 2), "times")])
    found = outline(fixed(row, {"times": 2}), (4, 4, 1))
    assert [part.parameters for part in found] == [4, 9, 12]
    assert [part.before[-1] for part in found] == [1, 2, 3]
    assert found[-1].after == (4, 4, 3)
    whole = outline(switched(Repeat(Conv(3), (1, 2), "t"), {"t": 1}), (4, 4, 3))
    assert [part.parameters for part in whole] == [2 * (27 * 3 + 3)]


def test_a_residual_block_by_hand():
    counts = {
        kind: outline(ResidualBlock(kind, 8, 2), (6, 6, 4))[0].parameters
        for kind in BLOCKS
    }
    projection = 4 * 8 + 16
    basic = 9 * 4 * 8 + 9 * 8 * 8 + projection
    bottleneck = 4 * 2 + 9 * 2 * 2 + 2 * 8 + projection
    assert counts == {
        "basic": basic + 2 * 8 + 2 * 8,
        "bottleneck": bottleneck + 2 * 2 + 2 * 2 + 2 * 8,
        "pre_basic": basic + 2 * 4 + 2 * 8,  # normalised before each
        "pre_bottleneck": bottleneck + 2 * 4 + 2 * 2 + 2 * 2,
    }


def test_the_last_activation_of_a_block_comes_after_the_sum():
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, 3, 3, 4)), jnp.float32)

    @jax.jit
    def smallest(x):
        blocks = [ResidualBlock(kind, 4) for kind in ("basic", "pre_basic")]
        modules = [block.build((3, 3, 4), seed=jnp.uint32(0)) for block in blocks]
        return [module(x).min() for module in modules]

    after, before = smallest(x)
    assert after == 0
    assert before < 0


def test_an_inverted_residual_by_hand():
    block = InvertedResidual(4, size=5, expansion=3, excitation=True)
    (part,) = outline(block, (6, 6, 4))
    excitation = (12 * 3 + 3) + (3 * 12 + 12)
    assert part.parameters == 4 * 12 + 25 * 12 + 12 * 4 + 24 + 24 + 8 + excitation
    narrow = InvertedResidual(4, expansion=1)
    assert outline(narrow, (6, 6, 4))[0].parameters == 9 * 4 + 8 + 16 + 8
    halved = InvertedResidual(6, stride=2, expansion=1)
    assert outline(halved, (7, 7, 4))[0].after == (4, 4, 6)


def test_widths_are_multiples_of_eight_as_in_mobilenets():
    assert [scaled(w, 0.75) for w in (16, 24, 40, 80)] == [16, 24, 32, 64]
    assert scaled(12, 1.0) == 16
    assert scaled(1, 1.0) == 8


def test_only_what_is_open_is_a_parameter():
    plain = spaces.plain(
        widths=((8,), (16,)),
        convolutions=(2, 2),
        sizes=(3,),
        poolings=("max",),
        normalizations=("batch",),
        activations=("relu",),
    )
    assert list(space_of(plain).parameters) == ["more_0", "more_1"]
    assert space_of(plain).size == 1


def test_names_that_are_unknown_are_named():
    with pytest.raises(UnknownName, match="max"):
        spaces.plain(poolings=("maximum",))
    with pytest.raises(UnknownName, match="basic"):
        spaces.residual(kinds=("basics",))
    with pytest.raises(UnknownName, match="batch"):
        spaces.fully_connected(normalizations=("bach",))
    with pytest.raises(InvalidInput, match="stride for each stage"):
        spaces.mobile(strides=(1,))
    with pytest.raises(InvalidInput, match="at least one value"):
        spaces.plain(sizes=())
