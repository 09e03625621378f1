"""Residual networks: basic and bottleneck blocks, activation after or before.

He et al. 2016, https://arxiv.org/abs/1512.03385
He et al. 2016, "Identity mappings in deep residual networks" (activation before),
https://arxiv.org/abs/1603.05027

Departs from them: a bottleneck's inner width is a quarter of the stage's, so that the
kinds of blocks have outputs of one shape, and each may stand in for the other.
"""

from collections.abc import Sequence
from typing import Any

import equinox as eqx

from thalweg.architectures.spaces.pieces import AbstractBlock, one_layer, one_value
from thalweg.architectures.vocabulary import Repeat
from thalweg.core.errors import unknown_name
from thalweg.networks.layers import (
    AbstractLayer,
    Activate,
    BatchNorm,
    Conv,
    Identity,
    Residual,
    Sequential,
    Shape,
)

BLOCKS = ("basic", "bottleneck", "pre_basic", "pre_bottleneck")


class ResidualBlock(AbstractBlock):
    """A block of one of four kinds."""

    kind: str = eqx.field(static=True)  # see `BLOCKS`
    channels: Any = eqx.field(static=True)
    stride: int = eqx.field(static=True, default=1)

    def body(self, shape: Shape) -> AbstractLayer:
        """Convolutions beside a shortcut, projected where the shape changes."""
        first = self.kind.startswith("pre_")
        layers: list[AbstractLayer] = []
        for channels, size, stride in self._convolutions():
            conv = Conv(channels, size=size, stride=stride, bias=False)
            between = [BatchNorm(), Activate("relu")]
            layers += [*between, conv] if first else [conv, *between]
        if first:
            return Residual(Sequential(layers))
        # the last activation comes after the sum
        return Sequential([Residual(Sequential(layers[:-1])), layers[-1]])

    def _convolutions(self) -> list[tuple[int, int, int]]:
        """Channels, size and stride of each."""
        if self.kind.endswith("basic"):
            return [(self.channels, 3, self.stride), (self.channels, 3, 1)]
        inner = max(1, self.channels // 4)
        return [(inner, 1, 1), (inner, 3, self.stride), (self.channels, 1, 1)]


def residual(
    *,
    widths: Sequence[Sequence[int]] = ((16, 32), (32, 64), (64, 128)),
    blocks: tuple[int, int] = (1, 4),
    kinds: Sequence[str] = BLOCKS,
    stem: int = 16,
) -> Sequential:
    """Networks for images of any size, as a tree.

    **widths**: for each stage, the channels that it may have; every stage but the first
    halves height and width. **blocks**: of a stage, at least and at most. **kinds**:
    "basic" (two 3x3 convolutions) or "bottleneck" (1x1, 3x3, 1x1), with "pre_" where
    normalisation and activation come before each convolution. **stem**: channels of the
    first convolution; 7x7 ones with stride, for large images, are not here.

    Parameters: `width_i` and `more_i` (blocks after the first) of each stage, and
    `block`, the kind of all.
    """
    for kind in kinds:
        if kind not in BLOCKS:
            raise unknown_name("block", kind, BLOCKS)
    least, most = blocks
    layers: list[AbstractLayer] = [
        Conv(stem, size=3, bias=False),
        *_ending(kinds, False),
    ]
    for i, choices in enumerate(widths):
        width = one_value(f"width_{i}", choices)

        def block(stride: int = 1, width: Any = width) -> AbstractLayer:
            found = {kind: ResidualBlock(kind, width, stride) for kind in kinds}
            return one_layer("block", found)

        layers += [
            block(1 if i == 0 else 2),
            Repeat(block(), (least - 1, most - 1), f"more_{i}"),
        ]
    return Sequential([*layers, *_ending(kinds, True)])


def _ending(kinds: Sequence[str], before: bool) -> list[AbstractLayer]:
    """Normalisation and activation where the blocks have none: before or after all."""
    there = Sequential([BatchNorm(), Activate("relu")])
    found = {k: there if k.startswith("pre_") == before else Identity() for k in kinds}
    return [one_layer("block", found)]
