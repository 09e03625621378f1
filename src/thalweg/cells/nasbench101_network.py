"""The network that NAS-Bench-101 makes of a cell: channels, parameters, multiply-adds.

Ying et al. 2019, section 2.2, https://arxiv.org/abs/1902.09635, and
https://github.com/google-research/nasbench (nasbench/lib/model_builder.py): a 3x3
convolution to 128 channels, then three stacks of three cells; before the second and the
third stack a pooling halves height and width, and channels double. The output joins its
inputs, which share the channels; edges from the input are 1x1 convolutions. Every
convolution is without bias and has a batch normalization, whose scale and shift count.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from thalweg.cells.model_spec import CONV1X1, CONV3X3, ModelSpec
from thalweg.cells.nasbench101 import check

SIDES = {CONV1X1: 1, CONV3X3: 3}  # of a convolution's kernel


@dataclass(frozen=True)
class Convolution:
    """A convolution of the network and its batch normalization."""

    kind: Literal["stem", "projection", "operation"]
    side: int  # of the kernel
    inputs: int  # channels
    outputs: int
    size: int  # height and width of the image

    @property
    def weights(self) -> int:
        """Of the kernel."""
        return self.side**2 * self.inputs * self.outputs


def vertex_channels(inputs: int, outputs: int, matrix: np.ndarray) -> list[int]:
    """The channels of each vertex of a cell.

    What leads to the output shares its channels evenly, the first ones getting what is
    left over; other vertices have as many as the widest one that they lead to.
    """
    last = len(matrix) - 1
    channels = [inputs] + [0] * (last - 1) + [outputs]
    joined = np.flatnonzero(matrix[1:last, last]) + 1
    for place, vertex in enumerate(joined.tolist()):
        share, left = divmod(outputs, len(joined))
        channels[vertex] = share + (place < left)
    for vertex in range(last - 2, 0, -1):
        if not matrix[vertex, last]:
            after = np.flatnonzero(matrix[vertex]).tolist()
            channels[vertex] = max(channels[v] for v in after)
    return channels


def convolutions(
    spec: ModelSpec, *, stem: int = 128, size: int = 32
) -> list[Convolution]:
    """All of the network, in its order; an error for a cell of another space."""
    check(spec)
    made = [Convolution("stem", 3, 3, stem, size)]
    inputs = outputs = stem
    for stack in range(3):
        if stack:
            size, outputs = -(-size // 2), 2 * outputs
        for _ in range(3):
            made += _of_cell(spec, inputs, outputs, size)
            inputs = outputs
    return made


def _of_cell(
    spec: ModelSpec, inputs: int, outputs: int, size: int
) -> list[Convolution]:
    matrix, ops = spec.cell()
    channels = vertex_channels(inputs, outputs, matrix)
    made = []
    for vertex in range(1, len(ops)):
        width = channels[vertex]
        if matrix[0, vertex]:
            made.append(Convolution("projection", 1, inputs, width, size))
        if ops[vertex] in SIDES:
            side = SIDES[ops[vertex]]
            made.append(Convolution("operation", side, width, width, size))
    return made


def parameters(spec: ModelSpec, *, classes: int = 10) -> int:
    """What can be trained: equal to the data set's `trainable_parameters`.

    Of the drawing that is given: where channels can't be shared evenly, the first
    vertices get more, so that another drawing of the cell may count a little otherwise.
    """
    layers = convolutions(spec)
    dense = (_last_width(layers) + 1) * classes
    return sum(layer.weights + 2 * layer.outputs for layer in layers) + dense


def multiply_adds(spec: ModelSpec, *, classes: int = 10, size: int = 32) -> int:
    """Products of convolutions and of the last layer for one image."""
    layers = convolutions(spec, size=size)
    dense = _last_width(layers) * classes
    return sum(layer.weights * layer.size**2 for layer in layers) + dense


def _last_width(layers: list[Convolution]) -> int:
    """The channels of the last cell: four times the stem's."""
    return 4 * layers[0].outputs
