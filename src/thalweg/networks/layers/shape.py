"""Layers without parameters that hand on, reshape or silence what they are given."""

import math
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, UInt32

from thalweg.networks.layers.base import (
    AbstractLayer,
    AbstractModule,
    Shape,
    check_image,
    pair,
)


class Reshaping(AbstractModule):
    """See `Flatten` and `Identity`."""

    shape: Shape = eqx.field(static=True)
    flattens: bool = eqx.field(static=True, default=False)

    def __call__(
        self,
        x: Float[Array, "b *n"],
        *,
        seed: UInt32[Array, ""] | None = None,
        inference: bool = False,
    ) -> Float[Array, "b *m"]:
        return x.reshape(x.shape[0], *self.shape)


class Identity(AbstractLayer):
    """Its input: a skip connection."""

    def build(self, shape: Shape, *, seed: UInt32[Array, ""]) -> Reshaping:
        return Reshaping(tuple(shape))


class Flatten(AbstractLayer):
    """All numbers of an example in one row."""

    def build(self, shape: Shape, *, seed: UInt32[Array, ""]) -> Reshaping:
        return Reshaping((math.prod(shape),), flattens=True)


class Silence(AbstractModule):
    """See `Zero`."""

    shape: Shape = eqx.field(static=True)

    def __call__(
        self,
        x: Float[Array, "b *n"],
        *,
        seed: UInt32[Array, ""] | None = None,
        inference: bool = False,
    ) -> Float[Array, "b *m"]:
        return jnp.zeros((x.shape[0], *self.shape), x.dtype)


class Zero(AbstractLayer):
    """Zeros: no connection.

    **stride**: of an image, as if by windows; **channels**: None keeps them.
    """

    stride: Any = eqx.field(static=True, default=1)
    channels: Any = eqx.field(static=True, default=None)

    def build(self, shape: Shape, *, seed: UInt32[Array, ""]) -> Silence:
        channels = shape[-1] if self.channels is None else self.channels
        stride = pair(self, stride=self.stride)
        if stride == (1, 1):
            return Silence((*shape[:-1], channels))
        check_image(self, shape)
        sides = (-(-n // s) for n, s in zip(shape[:2], stride, strict=True))
        return Silence((*sides, channels))
