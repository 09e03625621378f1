"""Convolution: by patches and one matrix product on a CPU, by XLA's own elsewhere.

XLA's convolution is pathological inside a compiled loop on a CPU (a step of three
layers took 43 ms alone, 965 ms in a scan, and 39 ms by patches). The functions here are
the only place that chooses.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import reduce
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, UInt32

from thalweg.core.errors import InvalidInput
from thalweg.networks.initializers import VarianceScaling, as_initializer
from thalweg.networks.layers.base import (
    AbstractLayer,
    AbstractModule,
    Shape,
    check_image,
    name,
    whole,
)
from thalweg.networks.layers.windows import Windows, windows
from thalweg.networks.randomness import place

Method = Literal["patches", "lax"]
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
        return _by_lax(x, kernel, where, groups)
    if groups == 1:
        return _by_patches(x, kernel, where)
    if kernel.shape[2] == 1:
        return _depthwise(x, kernel, where)
    return _grouped(x, kernel, where, groups)


def _best() -> Method:
    return "patches" if jax.default_backend() == "cpu" else "lax"


def _by_lax(x: Array, kernel: Array, where: Windows, groups: int) -> Array:
    return jax.lax.conv_general_dilated(
        x,
        kernel,
        window_strides=where.stride,
        padding=where.padding,
        rhs_dilation=where.dilation,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=groups,
    )


def _by_patches(x: Array, kernel: Array, where: Windows) -> Array:
    """One matrix product with what each window sees."""
    patches = jnp.concatenate(list(where.slices(x)), axis=-1)
    return patches @ kernel.reshape(-1, kernel.shape[-1])


def _depthwise(x: Array, kernel: Array, where: Windows) -> Array:
    """A sum over the window's places: each channel by itself has no matrix product."""
    kh, kw, _, outputs = kernel.shape
    channels = x.shape[-1]
    weights = kernel.reshape(kh * kw, channels, outputs // channels)
    seen = enumerate(where.slices(x))
    total = reduce(jnp.add, (part[..., None] * weights[n] for n, part in seen))
    return total.reshape(*total.shape[:3], outputs)


def _grouped(x: Array, kernel: Array, where: Windows, groups: int) -> Array:
    parts = zip(
        jnp.split(x, groups, axis=-1), jnp.split(kernel, groups, axis=-1), strict=True
    )
    return jnp.concatenate([_by_patches(*part, where) for part in parts], axis=-1)


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
    init: VarianceScaling = eqx.field(default="he", converter=as_initializer)

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
        kernel = self.init.sample(place(seed, 0), size)
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
    init: VarianceScaling = eqx.field(default="he", converter=as_initializer)

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
