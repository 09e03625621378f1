"""Layers of transformers, on tokens `[b, n, d]`, and of images as tokens.

Vaswani et al. 2017 (attention), https://arxiv.org/abs/1706.03762
Dosovitskiy et al. 2021 (ViT: patches, positions, class token),
https://arxiv.org/abs/2010.11929
"""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, UInt32

from thalweg.core.errors import InvalidInput
from thalweg.networks.dropout import as_dropout
from thalweg.networks.initializers import as_initializer
from thalweg.networks.layers.activation import Activate
from thalweg.networks.layers.base import (
    AbstractLayer,
    AbstractModule,
    Shape,
    check_image,
    name,
    whole,
)
from thalweg.networks.layers.convolution import Conv, Convolution
from thalweg.networks.layers.dense import Dense, FullyConnected
from thalweg.networks.layers.dropout import Dropout
from thalweg.networks.layers.normalization import LayerNorm
from thalweg.networks.layers.residual import Residual
from thalweg.networks.layers.sequential import Sequential
from thalweg.networks.randomness import normal, place

STD = 0.02  # of positions and of the class token at first


class Attention(AbstractModule):
    """See `SelfAttention`."""

    enter: FullyConnected  # to queries, keys and values, one after another
    leave: FullyConnected
    heads: int = eqx.field(static=True)

    def __call__(
        self,
        x: Float[Array, "b n d"],
        *,
        seed: UInt32[Array, ""] | None = None,
        inference: bool = False,
    ) -> Float[Array, "b n d"]:
        b, n, d = x.shape
        each = self.enter(x).reshape(b, n, 3, self.heads, d // self.heads)
        q, k, v = each.transpose(2, 0, 3, 1, 4)  # [b, heads, n, d / heads]
        scores = q @ k.swapaxes(-1, -2) / math.sqrt(d // self.heads)
        y = jax.nn.softmax(scores, axis=-1) @ v
        return self.leave(y.swapaxes(1, 2).reshape(b, n, d))


class SelfAttention(AbstractLayer):
    """Each token reads from all, in `heads` ways; they share the token's numbers."""

    heads: Any = eqx.field(static=True, default=4)

    def build(self, shape: Shape, *, seed: UInt32[Array, ""]) -> Attention:
        check_tokens(self, shape)
        whole(self, heads=self.heads)
        width = shape[-1]
        if width % self.heads:
            raise InvalidInput(
                "The `heads` of `SelfAttention` must divide the numbers of a token, "
                f"but got heads={self.heads} for {width}."
            )
        enter = Dense(3 * width, init="glorot").build(shape, seed=place(seed, 0))
        leave = Dense(width, init="glorot").build(shape, seed=place(seed, 1))
        return Attention(enter, leave, self.heads)


class EncoderBlock(AbstractLayer):
    """Attention, then two dense layers, each normalised before and added to its input.

    **ratio**: inner units / the token's numbers. **dropout**: a rate, or None.
    """

    heads: Any = eqx.field(static=True, default=4)
    ratio: Any = eqx.field(static=True, default=4)
    dropout: Any = eqx.field(default=None, converter=as_dropout)
    activation: Any = "gelu"

    def build(self, shape: Shape, *, seed: UInt32[Array, ""]) -> Any:
        """Two residual connections, for tokens of `shape`."""
        check_tokens(self, shape)
        width, rate = shape[-1], as_dropout(self.dropout)
        drop = [] if rate is None else [Dropout(rate)]
        inner = round(self.ratio * width)
        attention = [LayerNorm(), SelfAttention(self.heads), *drop]
        dense = [
            LayerNorm(),
            Dense(inner, init="glorot"),
            Activate(self.activation),
            *drop,
            Dense(width, init="glorot"),
            *drop,
        ]
        body = [Residual(Sequential(attention)), Residual(Sequential(dense))]
        return Sequential(body).build(shape, seed=seed)


class PatchModule(AbstractModule):
    """See `Patches`."""

    convolution: Convolution

    def __call__(
        self,
        x: Float[Array, "b h w c"],
        *,
        seed: UInt32[Array, ""] | None = None,
        inference: bool = False,
    ) -> Float[Array, "b n d"]:
        y = self.convolution(x)
        return y.reshape(y.shape[0], -1, y.shape[-1])


class Patches(AbstractLayer):
    """An image as tokens: squares of `size` pixels, each mapped to `units` numbers.

    What is left at the right and the lower border is not seen.
    """

    size: Any = eqx.field(static=True, default=4)
    units: Any = eqx.field(static=True, default=64)

    def build(self, shape: Shape, *, seed: UInt32[Array, ""]) -> PatchModule:
        check_image(self, shape)
        whole(self, units=self.units)
        conv = Conv(
            self.units,
            size=self.size,
            stride=self.size,
            padding="valid",
            init=as_initializer("lecun"),
        )
        return PatchModule(conv.build(shape, seed=seed))


class PositionModule(AbstractModule):
    """See `Positions`."""

    vectors: Float[Array, "n d"]

    def __call__(
        self,
        x: Float[Array, "b n d"],
        *,
        seed: UInt32[Array, ""] | None = None,
        inference: bool = False,
    ) -> Float[Array, "b n d"]:
        return x + self.vectors


class Positions(AbstractLayer):
    """A trained vector is added to the token at each place."""

    def build(self, shape: Shape, *, seed: UInt32[Array, ""]) -> PositionModule:
        check_tokens(self, shape)
        return PositionModule(STD * normal(place(seed, 0), tuple(shape)))


class ClassTokenModule(AbstractModule):
    """See `ClassToken`."""

    vector: Float[Array, " d"]

    def __call__(
        self,
        x: Float[Array, "b n d"],
        *,
        seed: UInt32[Array, ""] | None = None,
        inference: bool = False,
    ) -> Float[Array, "b m d"]:
        token = jnp.broadcast_to(self.vector, (x.shape[0], 1, x.shape[-1]))
        return jnp.concatenate([token, x], axis=1)


class ClassToken(AbstractLayer):
    """A trained token that comes before all others; `FirstToken` reads it."""

    def build(self, shape: Shape, *, seed: UInt32[Array, ""]) -> ClassTokenModule:
        check_tokens(self, shape)
        return ClassTokenModule(STD * normal(place(seed, 0), (shape[-1],)))


class FirstTokenModule(AbstractModule):
    """See `FirstToken`."""

    def __call__(
        self,
        x: Float[Array, "b n d"],
        *,
        seed: UInt32[Array, ""] | None = None,
        inference: bool = False,
    ) -> Float[Array, "b d"]:
        return x[:, 0]


class FirstToken(AbstractLayer):
    """The first token alone; `GlobalPool` is the mean of all."""

    def build(self, shape: Shape, *, seed: UInt32[Array, ""]) -> FirstTokenModule:
        check_tokens(self, shape)
        return FirstTokenModule()


def check_tokens(layer: AbstractLayer, shape: Shape) -> None:
    """Raise unless examples are tokens `[n, d]`."""
    if len(shape) != 2:
        raise InvalidInput(
            f"{name(layer)} works on tokens of the shape (number, numbers of each), "
            f"but got the shape {tuple(shape)}. `Patches(4)` makes them of an image."
        )
