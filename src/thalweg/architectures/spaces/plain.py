"""Plain convolutional networks, after VGG: stages of convolutions, each pooled.

Simonyan & Zisserman 2015, https://arxiv.org/abs/1409.1556
Departs from the paper: a normalisation follows each convolution, and the image's
channels are averaged at the end where the paper has three fully connected layers.
"""

from collections.abc import Sequence
from typing import Any

from thalweg.architectures.spaces.pieces import (
    activation,
    normalization,
    one_layer,
    one_value,
)
from thalweg.architectures.vocabulary import Repeat
from thalweg.core.errors import unknown_name
from thalweg.networks.layers import AbstractLayer, AvgPool, Conv, MaxPool, Sequential

POOLINGS = ("max", "average", "stride")


def plain(
    *,
    widths: Sequence[Sequence[int]] = ((16, 32), (32, 64), (64, 128)),
    convolutions: tuple[int, int] = (1, 3),
    sizes: Sequence[int] = (3, 5),
    poolings: Sequence[str] = POOLINGS,
    normalizations: Sequence[str] = ("batch", "group"),
    activations: Sequence[str] = ("relu", "silu"),
) -> Sequential:
    """Networks for images of any size, as a tree: begin here where data are few.

    **widths**: for each stage, the channels that it may have. **convolutions**: of a
    stage, at least and at most. **poolings**: what halves height and width after each
    stage: "max", "average", or a convolution with "stride".

    Parameters, for each stage `i`: `width_i`, `size_i`, `more_i` (convolutions after
    the first); and `pooling`, `normalization`, `activation`.
    """
    for name in poolings:
        if name not in POOLINGS:
            raise unknown_name("pooling", name, POOLINGS)
    least, most = convolutions
    between = [normalization(normalizations), activation(activations)]
    layers: list[AbstractLayer] = []
    for i, choices in enumerate(widths):
        width, size = one_value(f"width_{i}", choices), one_value(f"size_{i}", sizes)

        def convolution(stride: int = 1, width: Any = width, size: Any = size):
            conv = Conv(width, size=size, stride=stride, bias=False)
            return Sequential([conv, *between])

        halving = {
            "max": MaxPool(2, padding="same"),
            "average": AvgPool(2, padding="same"),
            "stride": convolution(stride=2),
        }
        layers += [
            convolution(),
            Repeat(convolution(), (least - 1, most - 1), f"more_{i}"),
            one_layer("pooling", {name: halving[name] for name in poolings}),
        ]
    return Sequential(layers)
