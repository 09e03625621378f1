"""The residual connection, and squeeze-and-excitation.

He et al. 2016, "Deep residual learning for image recognition",
https://arxiv.org/abs/1512.03385 (projections where shapes differ: option B)
Hu et al. 2018, https://arxiv.org/abs/1709.01507
"""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, UInt32

from thalweg.activations import Activation, as_activation
from thalweg.core.errors import InvalidInput
from thalweg.networks.layers.base import (
    AbstractLayer,
    AbstractModule,
    Shape,
    check_image,
    shape_after,
    whole,
)
from thalweg.networks.layers.convolution import Conv
from thalweg.networks.layers.dense import Dense, FullyConnected
from thalweg.networks.layers.normalization import BatchNorm
from thalweg.networks.layers.sequential import Sequential
from thalweg.networks.layers.shape import Identity
from thalweg.networks.randomness import place


class Sum(AbstractModule):
    """See `Residual`."""

    body: Any
    shortcut: Any

    def __call__(
        self,
        x: Float[Array, "b ..."],
        *,
        seed: UInt32[Array, ""] | None = None,
        inference: bool = False,
    ) -> Float[Array, "b ..."]:
        y = self.body(x, seed=place(seed, 0), inference=inference)
        return y + self.shortcut(x, seed=place(seed, 1), inference=inference)


class Residual(AbstractLayer):
    """`body(x) + shortcut(x)`.

    Without a `shortcut` it is the identity, or where the body changes an image's shape
    a 1x1 convolution with a `BatchNorm`.
    """

    body: Any
    shortcut: Any = None

    def build(self, shape: Shape, *, seed: UInt32[Array, ""]) -> Sum:
        body = self.body.build(shape, seed=place(seed, 0))
        after = shape_after(body, shape)
        layer = _projection(shape, after) if self.shortcut is None else self.shortcut
        shortcut = layer.build(shape, seed=place(seed, 1))
        if (other := shape_after(shortcut, shape)) != after:
            raise InvalidInput(
                "The body and the shortcut of `Residual` must end in one shape, but "
                f"got {after} and {other} for the input {tuple(shape)}."
            )
        return Sum(body, shortcut)


def _projection(before: Shape, after: Shape) -> AbstractLayer:
    if before == after:
        return Identity()
    if len(before) == len(after) == 1:
        return Dense(after[0])
    check_image(Residual(None), before)
    stride = tuple(
        -(-b // max(a, 1)) for b, a in zip(before[:2], after[:2], strict=True)
    )
    conv = Conv(after[-1], size=1, stride=stride, bias=False)
    return Sequential([conv, BatchNorm()])


class ChannelGate(AbstractModule):
    """See `SqueezeExcitation`."""

    inner: FullyConnected
    activation: Activation
    outer: FullyConnected
    gate: Activation

    def __call__(
        self,
        x: Float[Array, "b h w c"],
        *,
        seed: UInt32[Array, ""] | None = None,
        inference: bool = False,
    ) -> Float[Array, "b h w c"]:
        z = self.activation(self.inner(jnp.mean(x, axis=(1, 2))))
        return x * self.gate(self.outer(z))[:, None, None]


class SqueezeExcitation(AbstractLayer):
    """Scales each channel by a number in (0, 1) that all channels decide."""

    reduction: Any = eqx.field(static=True, default=4)  # channels / inner units
    activation: Any = eqx.field(default="relu", converter=as_activation)
    gate: Any = eqx.field(default="sigmoid", converter=as_activation)

    def build(self, shape: Shape, *, seed: UInt32[Array, ""]) -> ChannelGate:
        check_image(self, shape)
        whole(self, reduction=self.reduction)
        channels = shape[-1]
        inner = max(1, channels // self.reduction)
        first = Dense(inner).build((channels,), seed=place(seed, 0))
        last = Dense(channels, init="lecun").build((inner,), seed=place(seed, 1))
        # again: where a choice stood, its value has come without the converter
        activation, gate = as_activation(self.activation), as_activation(self.gate)
        return ChannelGate(first, activation, last, gate)
