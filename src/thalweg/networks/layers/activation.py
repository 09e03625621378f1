"""An activation as a layer: a name, or an activation, or a choice as data."""

from typing import Any

import equinox as eqx
from jaxtyping import Array, Float, UInt32

from thalweg.activations import Activation, as_activation
from thalweg.networks.layers.base import AbstractLayer, AbstractModule, Shape


class Activating(AbstractModule):
    """See `Activate`."""

    activation: Activation

    def __call__(
        self,
        x: Float[Array, "b *n"],
        *,
        seed: UInt32[Array, ""] | None = None,
        inference: bool = False,
    ) -> Float[Array, "b *n"]:
        return self.activation(x)


class Activate(AbstractLayer):
    """A function of each number by itself: one of `thalweg.activations`."""

    activation: Any = eqx.field(default="relu", converter=as_activation)

    def build(self, shape: Shape, *, seed: UInt32[Array, ""]) -> Activating:
        # again: where a choice stood, its value has come without the converter
        return Activating(as_activation(self.activation))
