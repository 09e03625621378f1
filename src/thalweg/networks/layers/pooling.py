"""Pooling by shifted slices: the largest or the mean of each window, or of the image.

Of equal numbers in a window the first, row by row, is the largest, and has the gradient
alone: as in PyTorch and in XLA's own window operations.
"""

import math
from functools import reduce
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt32

from thalweg.core.errors import unknown_name
from thalweg.networks.layers.base import (
    AbstractLayer,
    AbstractModule,
    Shape,
    check_image,
)
from thalweg.networks.layers.windows import Windows, windows

KINDS = ("average", "max")


def max_pool(x: Float[Array, "b h w c"], where: Windows) -> Float[Array, "b oh ow c"]:
    """The largest number of each window and channel; a margin never is."""
    first, *others = where.slices(x, value=-np.inf)
    for part in others:
        # not `maximum`, which would share the gradient among equals
        first = jnp.where((part > first) | jnp.isnan(part), part, first)
    return first


def average_pool(
    x: Float[Array, "b h w c"], where: Windows, *, count_padding: bool = False
) -> Float[Array, "b oh ow c"]:
    """The mean of each window and channel, over the image alone unless told."""
    total = reduce(jnp.add, where.slices(x))
    if count_padding:
        return total / math.prod(where.size)
    shares = 1 / _inside(where, *x.shape[1:3])
    return total * jnp.asarray(shares, x.dtype)[..., None]


def _inside(where: Windows, height: int, width: int) -> np.ndarray:
    """How many places of each window lie in the image."""
    counts = []
    for axis, (length, number) in enumerate(
        zip((height, width), where.outputs(height, width), strict=True)
    ):
        begin = np.arange(number) * where.stride[axis] - where.padding[axis][0]
        seen = begin[:, None] + np.arange(where.size[axis]) * where.dilation[axis]
        counts.append(((seen >= 0) & (seen < length)).sum(1))
    return np.maximum(np.outer(*counts), 1)


class Pooling(AbstractModule):
    """See `MaxPool` and `AvgPool`."""

    windows: Windows = eqx.field(static=True)
    kind: str = eqx.field(static=True)
    count_padding: bool = eqx.field(static=True, default=False)

    def __call__(
        self,
        x: Float[Array, "b h w c"],
        *,
        seed: UInt32[Array, ""] | None = None,
        inference: bool = False,
    ) -> Float[Array, "b oh ow c"]:
        if self.kind == "max":
            return max_pool(x, self.windows)
        return average_pool(x, self.windows, count_padding=self.count_padding)


class MaxPool(AbstractLayer):
    """The largest of each window; `stride=None` is the window's size."""

    size: Any = eqx.field(static=True, default=2)
    stride: Any = eqx.field(static=True, default=None)
    padding: Any = eqx.field(static=True, default="valid")

    def build(self, shape: Shape, *, seed: UInt32[Array, ""]) -> Pooling:
        return Pooling(_windows(self, shape), "max")


class AvgPool(AbstractLayer):
    """The mean of each window; `stride=None` is the window's size."""

    size: Any = eqx.field(static=True, default=2)
    stride: Any = eqx.field(static=True, default=None)
    padding: Any = eqx.field(static=True, default="valid")
    # whether the zeros of the margin count
    count_padding: Any = eqx.field(static=True, default=False)

    def build(self, shape: Shape, *, seed: UInt32[Array, ""]) -> Pooling:
        return Pooling(_windows(self, shape), "average", bool(self.count_padding))


def _windows(layer: MaxPool | AvgPool, shape: Shape) -> Windows:
    check_image(layer, shape)
    stride = layer.size if layer.stride is None else layer.stride
    return windows(layer, shape, size=layer.size, stride=stride, padding=layer.padding)


class GlobalPooling(AbstractModule):
    """See `GlobalPool`."""

    kind: str = eqx.field(static=True)

    def __call__(
        self,
        x: Float[Array, "b *n c"],
        *,
        seed: UInt32[Array, ""] | None = None,
        inference: bool = False,
    ) -> Float[Array, "b c"]:
        axes = tuple(range(1, x.ndim - 1))
        return jnp.max(x, axis=axes) if self.kind == "max" else jnp.mean(x, axis=axes)


class GlobalPool(AbstractLayer):
    """One number per channel: its mean over the image, or its largest ("max")."""

    kind: Any = eqx.field(static=True, default="average")

    def build(self, shape: Shape, *, seed: UInt32[Array, ""]) -> GlobalPooling:
        if self.kind not in KINDS:
            raise unknown_name("pooling", self.kind, KINDS)
        return GlobalPooling(self.kind)
