"""Layers one after another."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
from jaxtyping import Array, Float, UInt32

from thalweg.networks.layers.base import (
    AbstractLayer,
    AbstractModule,
    Shape,
    shape_after,
)
from thalweg.networks.randomness import place


def as_layers(value: Any) -> Any:
    """A list as a tuple; whatever else it is, as it is."""
    return tuple(value) if isinstance(value, list) else value


class Chain(AbstractModule):
    """See `Sequential`."""

    modules: tuple[Any, ...]

    def __call__(
        self,
        x: Float[Array, "b ..."],
        *,
        seed: UInt32[Array, ""] | None = None,
        inference: bool = False,
    ) -> Float[Array, "b ..."]:
        for number, module in enumerate(self.modules):
            x = module(x, seed=place(seed, number), inference=inference)
        return x


class Sequential(AbstractLayer):
    """Each layer takes the output of the one before."""

    layers: Sequence[Any] = eqx.field(default=(), converter=as_layers)

    def build(self, shape: Shape, *, seed: UInt32[Array, ""]) -> Chain:
        modules = []
        for number, layer in enumerate(self.layers):
            module = layer.build(shape, seed=place(seed, number))
            shape = shape_after(module, shape)
            modules.append(module)
        return Chain(tuple(modules))
