import jax
import jax.numpy as jnp
import pytest

from thalweg.core.errors import InvalidInput
from thalweg.core.rng import key_of
from thalweg.networks import ConvNet, Images, Inputs
from thalweg.networks.convnet import halvings
from thalweg.networks.layers import Conv, MaxPool


def inputs(height, width, channels=1):
    return Images(
        height, width, channels, mean=jnp.zeros(channels), std=jnp.ones(channels)
    )


@pytest.mark.parametrize(
    ("size", "times"),
    [
        ((1, 1), 0),
        ((7, 9), 0),
        ((8, 8), 1),
        ((28, 28), 2),
        ((32, 64), 3),
        ((64, 64), 4),
    ],
)
def test_the_last_stage_has_four_to_seven_pixels(size, times):
    assert halvings(*size) == times
    left = min(size) / 2**times
    assert left < 8
    assert left >= min(4, min(size))
    layers = ConvNet().layers(*size)
    strides = sum(isinstance(one, Conv) and one.stride == 2 for one in layers)
    assert strides + sum(isinstance(one, MaxPool) for one in layers) == times


@pytest.mark.parametrize("kind", ["plain", "residual"])
@pytest.mark.parametrize("size", [(1, 1), (3, 9), (12, 8)])
def test_images_of_any_size_have_outputs(kind, size):
    network = ConvNet(kind, width=4, blocks=2, dropout=0.1)
    made = jax.eval_shape(
        lambda x: network.build(inputs(*size), 3, key=key_of(jnp.uint32(0)))(x),
        jax.ShapeDtypeStruct((5, *size, 1), jnp.float32),
    )
    assert made.shape == (5, 3)


def test_what_is_refused():
    key = key_of(jnp.uint32(0))
    with pytest.raises(InvalidInput, match="for images"):
        ConvNet().build(Inputs(numeric=3), 2, key=key)
    with pytest.raises(InvalidInput, match="'round'"):
        ConvNet("round").build(inputs(8, 8), 2, key=key)
