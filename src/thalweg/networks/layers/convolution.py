"""Convolution, in the forms that are quick in a compiled loop on a CPU.

There XLA has a fast kernel for convolutions whose axes are in one order only. It brings
others into that order, the two of the gradient among them, but not within a loop, where
they run some fifty times slower (a step of three layers took 43 ms alone and 965 ms in
a scan). So on a CPU the gradient is written here as two convolutions in that order;
elsewhere XLA does what it likes. This file is the only place that chooses.

Channels by themselves are sums of shifted slices: that kernel has no use for them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial, reduce
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, UInt32

from thalweg.core.errors import InvalidInput
from thalweg.networks.initializers import as_initializer
from thalweg.networks.layers.base import (
    AbstractLayer,
    AbstractModule,
    Shape,
    check_image,
    name,
    whole,
)
from thalweg.networks.layers.windows import Pair, Windows, windows
from thalweg.networks.randomness import place

Method = Literal["ordered", "lax"]
_forced: list[Method] = []


@contextmanager
def forced(method: Method) -> Iterator[None]:
    """Convolve by that method, whatever the backend, in what is traced within."""
    _forced.append(method)
    try:
        yield
    finally:
        _forced.pop()


def convolve(
    x: Float[Array, "b h w i"],
    kernel: Float[Array, "kh kw ig o"],
    where: Windows,
    *,
    groups: int = 1,
) -> Float[Array, "b oh ow o"]:
    """Correlation of images with a kernel, as the field's libraries convolve.

    Output channel `o` sees the input channels of its group: the `groups` equal parts of
    the inputs feed the `groups` equal parts of the outputs, in order.
    """
    method = _forced[-1] if _forced else _best()
    if method == "lax":
        return _correlate(
            x, kernel, where.stride, where.padding, where.dilation, groups
        )
    if groups > 1:
        several = _by_channel if kernel.shape[2] == 1 else _by_group
        return several(x, kernel, where, groups)
    if where == Windows((1, 1)):
        return x @ kernel[0, 0]
    return _ordered(x, kernel, where)


def _best() -> Method:
    return "ordered" if jax.default_backend() == "cpu" else "lax"


def _correlate(
    x: Array,
    kernel: Array,
    stride: Pair,
    padding: tuple[Pair, Pair],
    dilation: Pair,
    groups: int = 1,
    *,
    spread: Pair = (1, 1),  # of the image: zeros between its places
) -> Array:
    return jax.lax.conv_general_dilated(
        x,
        kernel,
        window_strides=stride,
        padding=padding,
        lhs_dilation=spread,
        rhs_dilation=dilation,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=groups,
    )


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def _ordered(x: Array, kernel: Array, where: Windows) -> Array:
    return _correlate(x, kernel, where.stride, where.padding, where.dilation)


def _forward(x: Array, kernel: Array, where: Windows) -> Any:
    # not `_ordered`, so that a gradient can itself be differentiated forwards
    y = _correlate(x, kernel, where.stride, where.padding, where.dilation)
    return y, (x, kernel)


def _backward(where: Windows, saved: tuple[Array, Array], g: Array) -> Any:
    """The image's gradient by the kernel turned round, the kernel's with `g` as one.

    With `n` places before and `m` after a layer of stride `s` and reach `r` (of the
    window, less one), the margins make the results `n` and the kernel's size long.
    """
    x, kernel = saved
    of_image, of_kernel = [], []
    for axis in (0, 1):
        n, m, s = x.shape[1 + axis], g.shape[1 + axis], where.stride[axis]
        reach = where.dilation[axis] * (where.size[axis] - 1)
        before = where.padding[axis][0]
        last = (m - 1) * s - before  # where the last window begins
        of_image.append((reach - before, n - 1 - last))
        of_kernel.append((before, last + 1 + reach - n))
    turned = jnp.flip(kernel, (0, 1)).swapaxes(2, 3)
    dx = _correlate(
        g, turned, (1, 1), _two(of_image), where.dilation, spread=where.stride
    )
    rows, as_kernel = x.transpose(3, 1, 2, 0), g.transpose(1, 2, 0, 3)
    dk = _correlate(rows, as_kernel, where.dilation, _two(of_kernel), where.stride)
    return dx, dk.transpose(1, 2, 0, 3)


_ordered.defvjp(_forward, _backward)


def _two(margins: list[Pair]) -> tuple[Pair, Pair]:
    return margins[0], margins[1]


def _by_channel(x: Array, kernel: Array, where: Windows, groups: int) -> Array:
    """A sum over the window's places."""
    x = jnp.repeat(x, kernel.shape[-1] // groups, axis=-1)
    weights = kernel.reshape(-1, kernel.shape[-1])
    seen = enumerate(where.slices(x))
    return reduce(jnp.add, (part * weights[n] for n, part in seen))


def _by_group(x: Array, kernel: Array, where: Windows, groups: int) -> Array:
    parts = (jnp.split(whole, groups, axis=-1) for whole in (x, kernel))
    run: Any = _ordered
    each = [run(*part, where) for part in zip(*parts, strict=True)]
    return jnp.concatenate(each, axis=-1)


class Convolution(AbstractModule):
    """See `Conv`."""

    kernel: Float[Array, "kh kw ig o"]
    bias: Float[Array, " o"] | None
    windows: Windows = eqx.field(static=True)
    groups: int = eqx.field(static=True)

    def __call__(
        self,
        x: Float[Array, "b h w i"],
        *,
        seed: UInt32[Array, ""] | None = None,
        inference: bool = False,
    ) -> Float[Array, "b oh ow o"]:
        y = convolve(x, self.kernel, self.windows, groups=self.groups)
        return y if self.bias is None else y + self.bias


class Conv(AbstractLayer):
    """Convolution to `channels` channels.

    **groups**: parts of the channels that are convolved by themselves. Without a bias
    (`bias=False`) where a normalisation follows, which has its own.
    """

    channels: Any = eqx.field(static=True)
    size: Any = eqx.field(static=True, default=3)  # of the kernel; or (height, width)
    stride: Any = eqx.field(static=True, default=1)
    padding: Any = eqx.field(static=True, default="same")  # see `windows`
    dilation: Any = eqx.field(static=True, default=1)
    groups: Any = eqx.field(static=True, default=1)
    bias: Any = eqx.field(static=True, default=True)
    init: Any = eqx.field(default="he", converter=as_initializer)

    def build(self, shape: Shape, *, seed: UInt32[Array, ""]) -> Convolution:
        check_image(self, shape)
        whole(self, channels=self.channels, groups=self.groups)
        if shape[-1] % self.groups or self.channels % self.groups:
            raise InvalidInput(
                f"The `groups` of {name(self)} must divide its input and its output "
                f"channels, but got groups={self.groups} for {shape[-1]} and "
                f"{self.channels}."
            )
        where = windows(
            self,
            shape,
            size=self.size,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
        )
        size = (*where.size, shape[-1] // self.groups, self.channels)
        # again: where a choice stood, its value has come without the converter
        kernel = as_initializer(self.init).sample(place(seed, 0), size)
        bias = jnp.zeros(self.channels) if self.bias else None
        return Convolution(kernel, bias, where, self.groups)


class DepthwiseConv(AbstractLayer):
    """Convolution of each channel by itself, to `multiplier` channels."""

    size: Any = eqx.field(static=True, default=3)
    stride: Any = eqx.field(static=True, default=1)
    padding: Any = eqx.field(static=True, default="same")
    dilation: Any = eqx.field(static=True, default=1)
    multiplier: Any = eqx.field(static=True, default=1)
    bias: Any = eqx.field(static=True, default=True)
    init: Any = eqx.field(default="he", converter=as_initializer)

    def build(self, shape: Shape, *, seed: UInt32[Array, ""]) -> Convolution:
        check_image(self, shape)
        whole(self, multiplier=self.multiplier)
        layer = Conv(
            shape[-1] * self.multiplier,
            size=self.size,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            groups=shape[-1],
            bias=self.bias,
            init=self.init,
        )
        return layer.build(shape, seed=seed)
