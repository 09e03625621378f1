"""NAS-Bench-201's networks, built: the official counts, and one program for all."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thalweg.architectures import fixed, space_of, spaces, switched
from thalweg.cells import nasbench201 as cells
from thalweg.cells import nasbench201_network as official
from thalweg.core.trainable import partition
from thalweg.networks import Images, Stack
from thalweg.networks.layers import Residual


def parameters(tree, *, channels):
    inputs = Images(32, 32, channels, np.zeros(channels), np.ones(channels))
    stack = Stack(tree)
    params = jax.eval_shape(
        lambda: partition(stack.build(inputs, 10, key=jax.random.key(0)))[0]
    )
    return sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(params))


def test_the_space_is_that_of_the_cells():
    assert space_of(spaces.nasbench201()) == cells.space()


@pytest.mark.parametrize(
    "text",
    [
        "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|",
        "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|",
        "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|",
    ],
)
def test_a_network_has_the_parameters_on_record(text):
    operations = cells.from_string(text)
    config = dict(zip(cells.space().parameters, operations, strict=True))
    tree = fixed(spaces.nasbench201(), config)
    assert parameters(tree, channels=3) == official.parameters(operations)


def test_the_shortcut_that_nothing_normalises_starts_as_published():
    layers = spaces.nasbench201(channels=16, cells=1).layers
    (block, _) = (layer for layer in layers if isinstance(layer, Residual))
    _, conv = block.build((4, 4, 16), seed=jnp.uint32(0)).shortcut.modules
    bound = float(jnp.max(jnp.abs(conv.kernel)))
    assert 0.9 / np.sqrt(16) < bound <= 1 / np.sqrt(16)  # uniform, 512 numbers


def test_all_cells_are_one_program():
    tree = spaces.nasbench201(channels=2, cells=1)
    space = space_of(tree)
    configs = space.decode(np.random.default_rng(0).random((3, space.dim)))
    x = jnp.asarray(np.random.default_rng(1).normal(size=(2, 8, 8, 1)), jnp.float32)

    @jax.jit
    def together(description):
        return description.build((8, 8, 1), seed=jnp.uint32(0))(x)

    for config in configs:
        alone = fixed(tree, config).build((8, 8, 1), seed=jnp.uint32(0))(x)
        np.testing.assert_allclose(
            alone, together(switched(tree, config)), rtol=1e-4, atol=1e-5
        )
    assert together._cache_size() == 1
