"""Small choices that several spaces share: a value, a normalisation, an activation."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from jaxtyping import Array, UInt32

from thalweg.architectures.vocabulary import LayerChoice, label
from thalweg.core.errors import InvalidInput, unknown_name
from thalweg.networks.layers import (
    AbstractLayer,
    Activate,
    BatchNorm,
    Conv,
    GroupNorm,
    Identity,
    LayerNorm,
    Sequential,
    Shape,
)
from thalweg.spaces import Ordinal

NORMALIZATIONS = {
    "none": Identity,
    "batch": BatchNorm,
    "group": GroupNorm,
    "layer": LayerNorm,
}


class AbstractBlock(AbstractLayer):
    """A layer that is written in others."""

    @abstractmethod
    def body(self, shape: Shape) -> AbstractLayer:
        """What it consists of, for examples of `shape`."""

    def build(self, shape: Shape, *, seed: UInt32[Array, ""]) -> Any:
        """The body's module."""
        return self.body(shape).build(shape, seed=seed)


def one_value(name: str, values: Sequence[Any]) -> Any:
    """A hyper-parameter with that label; the value itself where there is only one."""
    if not values:
        raise InvalidInput(f"{name!r} needs at least one value, but got none.")
    return values[0] if len(values) == 1 else label(name, Ordinal(values))


def one_layer(name: str, candidates: Mapping[str, AbstractLayer]) -> AbstractLayer:
    """A layer with that label; the layer itself where there is only one."""
    if len(candidates) == 1:
        return next(iter(candidates.values()))
    return LayerChoice(candidates, label=name)


def normalization(names: Sequence[str]) -> AbstractLayer:
    """One of those normalisations, the same throughout the network."""
    for name in names:
        if name not in NORMALIZATIONS:
            raise unknown_name("normalization", name, NORMALIZATIONS)
    return one_layer("normalization", {name: NORMALIZATIONS[name]() for name in names})


def activation(names: Sequence[str]) -> AbstractLayer:
    """One of those activations, the same throughout the network."""
    return one_layer("activation", {name: Activate(name) for name in names})


def relu_conv_bn(
    channels: int, size: int = 1, stride: int = 1, *, affine: bool = True
) -> Sequential:
    """ReLU, convolution, normalisation: the order that cells of the field have."""
    conv = Conv(channels, size=size, stride=stride, bias=False)
    return Sequential([Activate("relu"), conv, BatchNorm(affine=affine)])


def conv_bn_relu(channels: int, size: int = 1, stride: int = 1) -> Sequential:
    """Convolution, normalisation, ReLU."""
    conv = Conv(channels, size=size, stride=stride, bias=False)
    return Sequential([conv, BatchNorm(), Activate("relu")])
