"""Convolution and pooling against XLA's own, forward and backward."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thalweg.core.errors import InvalidInput
from thalweg.networks.layers import (
    AvgPool,
    Conv,
    DepthwiseConv,
    GlobalPool,
    MaxPool,
    Sequential,
    Zero,
    convolve,
    shape_after,
)
from thalweg.networks.layers.convolution import forced
from thalweg.networks.layers.pooling import average_pool, max_pool
from thalweg.networks.layers.windows import Windows

SEED = jnp.uint32(3)
CASES = {
    "3x3": (Conv(5), (6, 7, 4)),
    "1x1": (Conv(5, size=1), (6, 7, 4)),
    "1x1, every second": (Conv(5, size=1, stride=2), (6, 7, 4)),
    "3x3, every second": (Conv(5, stride=2), (6, 7, 4)),
    "uneven": (Conv(5, size=(2, 4), stride=(2, 1), padding=(1, 2)), (6, 7, 4)),
    "dilated": (Conv(5, size=3, dilation=2), (7, 7, 4)),
    "no margin": (Conv(5, padding="valid"), (6, 7, 4)),
    "some seen by no window": (Conv(5, padding="valid", stride=3), (7, 8, 4)),
    "wide margin": (Conv(5, padding=4, stride=2), (6, 7, 4)),
    "larger than the image": (Conv(5, size=5), (3, 3, 4)),
    "two groups": (Conv(6, groups=2), (6, 7, 4)),
    "depthwise": (DepthwiseConv(), (6, 7, 4)),
    "depthwise, wide": (DepthwiseConv(5, stride=2, multiplier=3), (6, 7, 4)),
    "one channel": (Conv(5), (6, 7, 1)),
}


def normal(*shape):
    return jnp.asarray(np.random.default_rng(0).normal(size=shape), jnp.float32)


@pytest.mark.parametrize("case", CASES)
def test_convolution_is_that_of_xla(case):
    layer, shape = CASES[case]
    module = layer.build(shape, seed=SEED)
    x = normal(3, *shape)

    def run(method):
        def total(x, kernel):
            with forced(method):
                y = convolve(x, kernel, module.windows, groups=module.groups)
            return jnp.sum(jnp.sin(y)), y

        return jax.jit(jax.value_and_grad(total, (0, 1), has_aux=True))(
            x, module.kernel
        )

    ours, theirs = run("ordered"), run("lax")
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5),
        ours,
        theirs,
    )
    assert shape_after(module, shape) == ours[0][1].shape[1:]


def test_windows_lie_where_pytorch_has_them():
    """Padding 1 and stride 2: the windows' corners are at -1, 1 and 3."""
    x = jnp.arange(16.0).reshape(1, 4, 4, 1)
    module = Conv(1, size=2, stride=2, padding=1).build((4, 4, 1), seed=SEED)
    kernel = jnp.arange(4.0).reshape(2, 2, 1, 1)
    padded, corners = np.pad(np.arange(16.0).reshape(4, 4), 1), (0, 2, 4)
    expected = [
        [np.sum(padded[i : i + 2, j : j + 2] * kernel[..., 0, 0]) for j in corners]
        for i in corners
    ]
    y = convolve(x, kernel, module.windows)
    np.testing.assert_array_equal(y[0, :, :, 0], expected)


POOLS = [Windows((2, 2), (2, 2)), Windows((3, 3), (1, 1), ((1, 1), (1, 1)))]
POOLS += [Windows((3, 2), (2, 3), ((1, 1), (0, 1)))]


@pytest.mark.parametrize("where", POOLS)
def test_pooling_is_that_of_xla(where):
    x = normal(2, 6, 7, 3)
    x = x.at[0].set(jnp.round(x[0]))  # many equal numbers
    window, stride = (1, *where.size, 1), (1, *where.stride, 1)
    margins = ((0, 0), *where.padding, (0, 0))

    def largest(x):
        return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, window, stride, margins)

    def mean(x, ones):
        def total(x):
            return jax.lax.reduce_window(x, 0.0, jax.lax.add, window, stride, margins)

        return total(x) / total(ones)

    ones = jnp.ones_like(x)
    pairs = [
        (lambda x: max_pool(x, where), largest),
        (lambda x: average_pool(x, where), lambda x: mean(x, ones)),
        (
            lambda x: average_pool(x, where, count_padding=True),
            lambda x: mean(x, ones) * average_pool(ones, where, count_padding=True),
        ),
    ]

    def run(pool):
        y, pull = jax.vjp(pool, x)
        return y, pull(normal(*y.shape))[0]

    for ours, theirs in pairs:
        for a, b in zip(jax.jit(run, static_argnums=0)(ours), run(theirs), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_of_equals_the_first_has_the_gradient():
    grad = jax.grad(lambda x: jnp.sum(max_pool(x, Windows((2, 2)))))
    np.testing.assert_array_equal(grad(jnp.ones((1, 2, 2, 1))).ravel(), [1, 0, 0, 0])


def test_a_largest_number_may_be_none():
    x = jnp.ones((1, 4, 4, 1)).at[0, 1, 1, 0].set(jnp.nan)
    y = max_pool(x, Windows((2, 2), (2, 2)))
    np.testing.assert_array_equal(np.isnan(y).ravel(), [True, False, False, False])


@pytest.mark.parametrize(
    ("layer", "shape", "after"),
    [
        (Conv(8), (28, 28, 1), (28, 28, 8)),
        (Conv(8, stride=2), (7, 5, 3), (4, 3, 8)),
        (Conv(8, size=4), (7, 5, 3), (7, 5, 8)),
        (MaxPool(), (7, 8, 3), (3, 4, 3)),
        (AvgPool(3, stride=2, padding="same"), (7, 8, 3), (4, 4, 3)),
        (GlobalPool(), (7, 8, 3), (3,)),
        (GlobalPool("max"), (7, 3), (3,)),
        (Zero(stride=2), (7, 8, 3), (4, 4, 3)),
        (Zero(channels=5), (7,), (5,)),
        (Sequential([Conv(4), MaxPool(), Conv(6, stride=2)]), (9, 9, 1), (2, 2, 6)),
    ],
)
def test_shapes(layer, shape, after):
    assert shape_after(layer.build(shape, seed=SEED), shape) == after


@pytest.mark.parametrize(
    ("layer", "shape", "says"),
    [
        (Conv(0), (8, 8, 1), "`Conv` needs a whole number >= 1 for `channels`"),
        (Conv(8.0), (8, 8, 1), "but got 8.0"),
        (Conv(8), (8,), "images of the shape"),
        (Conv(8, groups=3), (8, 8, 4), "must divide"),
        (Conv(8, padding="SAME"), (8, 8, 4), "'same', 'valid' or a number"),
        (Conv(8, padding=-1), (8, 8, 4), ">= 0 for `padding`"),
        (Conv(8, size=(3, 3, 3)), (8, 8, 4), "one or two numbers for `size`"),
        (MaxPool(9), (8, 8, 4), "don't fit an image of 8x8"),
        (DepthwiseConv(multiplier=0), (8, 8, 4), "`multiplier`"),
        (GlobalPool("mean"), (8, 8, 4), "Unknown pooling 'mean'"),
    ],
)
def test_what_breaks_a_rule_is_refused_when_it_is_built(layer, shape, says):
    with pytest.raises(InvalidInput, match=says):
        layer.build(shape, seed=SEED)


def test_kernels_start_by_what_a_window_sees():
    kernel = np.asarray(Conv(64).build((4, 4, 16), seed=SEED).kernel)
    assert abs(kernel.var() / (2 / (9 * 16)) - 1) < 6 * np.sqrt(2 / kernel.size)
