"""The fully connected layer, over the last axis."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, UInt32

from thalweg.networks.initializers import as_initializer
from thalweg.networks.layers.base import AbstractLayer, AbstractModule, Shape, whole
from thalweg.networks.randomness import place


class FullyConnected(AbstractModule):
    """See `Dense`."""

    kernel: Float[Array, "i o"]
    bias: Float[Array, " o"] | None

    def __call__(
        self,
        x: Float[Array, "b *n i"],
        *,
        seed: UInt32[Array, ""] | None = None,
        inference: bool = False,
    ) -> Float[Array, "b *n o"]:
        y = x @ self.kernel
        return y if self.bias is None else y + self.bias


class Dense(AbstractLayer):
    """`units` sums of all numbers along the last axis. `Flatten` an image before."""

    units: Any = eqx.field(static=True)
    bias: Any = eqx.field(static=True, default=True)
    init: Any = eqx.field(default="he", converter=as_initializer)

    def build(self, shape: Shape, *, seed: UInt32[Array, ""]) -> FullyConnected:
        whole(self, units=self.units)
        # again: where a choice stood, its value has come without the converter
        init = as_initializer(self.init)
        kernel = init.sample(place(seed, 0), (shape[-1], self.units))
        return FullyConnected(kernel, jnp.zeros(self.units) if self.bias else None)
