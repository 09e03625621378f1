"""Small convolutional networks whose depth follows from the images' size.

"plain" is the pattern of VGG (Simonyan & Zisserman 2014, https://arxiv.org/abs/1409.1556),
"residual" that of He et al. 2016 (https://arxiv.org/abs/1512.03385), both with batch
normalisation and at sizes that a processor trains in minutes.
"""

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import numpy as np

from thalweg.activations import as_activation, choose
from thalweg.core.errors import InvalidInput
from thalweg.core.typing import Key
from thalweg.networks.base import AbstractDescription, Images
from thalweg.networks.dropout import as_dropout
from thalweg.networks.layers import (
    Activate,
    BatchNorm,
    Conv,
    Dropout,
    MaxPool,
    Residual,
    Sequential,
)
from thalweg.networks.stack import Stack, StackNetwork

KINDS = ("plain", "residual")
_LARGE = 48  # pixels of the shorter side from which the first convolution has a stride
_WIDEST = 8  # times the first stage's width


class ConvNet(AbstractDescription):
    """Stages of convolutions, each at half the resolution and twice the width.

    The last stage works on 4 to 7 pixels of the shorter side. **width**: channels of
    the first stage, which has one convolution; **blocks**: of each later stage, a
    convolution, or after the first a residual block of two.
    """

    kind: str = eqx.field(static=True, default="plain")
    width: int = eqx.field(static=True, default=16)
    blocks: int = eqx.field(static=True, default=1)
    activation: Any = eqx.field(default="relu", converter=as_activation)
    dropout: Any = eqx.field(default=None, converter=as_dropout)  # before the head
    head: str = eqx.field(static=True, default="flatten")

    def build(self, inputs: Any, outputs: int, *, key: Key) -> StackNetwork:
        if not isinstance(inputs, Images):
            raise InvalidInput(
                "A `ConvNet` is for images [n, height, width, channels], but got "
                f"{inputs}."
            )
        stack = Stack(self.layers(inputs.height, inputs.width), head=self.head)
        return stack.build(inputs, outputs, key=key)

    def layers(self, height: int, width: int) -> list[Any]:
        """The body for images of this size."""
        if self.kind not in KINDS or self.width < 1 or self.blocks < 1:
            raise InvalidInput(
                f"A `ConvNet` has a kind of {KINDS}, and a width and blocks of at "
                f"least 1, but got {self.kind!r}, {self.width}, {self.blocks}."
            )
        side, stages = min(height, width), halvings(height, width)
        large = side >= _LARGE
        layers = self._convolution(self.width, large=large)
        for stage in range(large, stages):
            channels = min(2 ** (stage + 1), _WIDEST) * self.width
            layers += [MaxPool(2, stride=2), *self._stage(channels)]
        if self.dropout is not None:
            layers.append(Dropout(self.dropout))
        return layers

    def _stage(self, channels: int) -> list[Any]:
        layers = self._convolution(channels)
        for _ in range(self.blocks - 1):
            if self.kind == "plain":
                layers += self._convolution(channels)
                continue
            body = [*self._convolution(channels), *self._convolution(channels)[:-1]]
            layers += [Residual(Sequential(body)), Activate(self.activation)]
        return layers

    def _convolution(self, channels: int, *, large: bool = False) -> list[Any]:
        size, stride = (5, 2) if large else (3, 1)
        conv = Conv(channels, size=size, stride=stride, bias=False)
        return [conv, BatchNorm(), Activate(self.activation)]


class ConvNets:
    """The networks of a space: `ConvNet`s of a configuration's own part."""

    parameters = ("network", "width", "blocks", "head", "activation", "dropout")
    activations = ("relu", "silu")  # which one is data

    def __call__(self, config: Mapping[str, Any], /) -> ConvNet:
        which = self.activations.index(config["activation"])
        return ConvNet(
            kind=config["network"],
            width=int(config["width"]),
            blocks=int(config["blocks"]),
            activation=choose(self.activations, np.int32(which)),
            dropout=np.float32(config["dropout"]),
            head=config["head"],
        )


def halvings(height: int, width: int) -> int:
    """How often the resolution is halved: to 4 to 7 pixels of the shorter side."""
    return max(0, min(height, width).bit_length() - 3)
