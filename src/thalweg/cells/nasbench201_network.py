"""What NAS-Bench-201's network of a cell costs: parameters and multiply-adds.

Dong & Yang 2020, section 2.1, https://arxiv.org/abs/2001.00326: a 3x3 convolution to 16
channels, then three stages of five cells with 16, 32 and 64 channels; between them a
residual block of two 3x3 convolutions (a 1x1 one beside them) halves height and width.
Convolutions are without bias and have a batch normalization each, but for the 1x1 one
of a residual block; so has the end, before the last layer.
"""

import itertools
from collections.abc import Sequence

from thalweg.cells.nasbench201 import check

CHANNELS = (16, 32, 64)
CELLS = 5  # of a stage
SIDES = {"nor_conv_1x1": 1, "nor_conv_3x3": 3}  # of a convolution's kernel


def parameters(operations: Sequence[str], *, classes: int = 10) -> int:
    """What can be trained: equal to the data set's records."""
    sides = _sides(operations)
    first, last = CHANNELS[0], CHANNELS[-1]
    count = 27 * first + 2 * first + 2 * last + (last + 1) * classes
    for channels in CHANNELS:
        kernels = sum(side**2 * channels**2 + 2 * channels for side in sides)
        count += CELLS * kernels
    for inputs, outputs in itertools.pairwise(CHANNELS):
        count += _residual(inputs, outputs) + 2 * 2 * outputs
    return count


def multiply_adds(
    operations: Sequence[str], *, classes: int = 10, size: int = 32
) -> int:
    """Of convolutions and the last layer for one image: the data set's FLOPs.

    **size**: height and width of the image, 16 for ImageNet16-120 (120 classes).
    """
    sides = _sides(operations)
    count = (CHANNELS[-1] + 1) * classes + 27 * CHANNELS[0] * size**2
    for stage, channels in enumerate(CHANNELS):
        area = (size >> stage) ** 2
        count += CELLS * sum(side**2 * channels**2 for side in sides) * area
        if stage:
            count += _residual(CHANNELS[stage - 1], channels) * area
    return count


def _sides(operations: Sequence[str]) -> list[int]:
    """Of a cell's convolutions."""
    check(operations)
    return [SIDES[name] for name in operations if name in SIDES]


def _residual(inputs: int, outputs: int) -> int:
    """The weights of the block between two stages."""
    return 9 * inputs * outputs + 9 * outputs**2 + inputs * outputs
