"""Parameters and multiply-adds of cells' networks, against the benchmarks' records."""

import numpy as np
import pytest

from thalweg.cells import (
    ModelSpec,
    nasbench101_network,
    nasbench201,
    nasbench201_network,
)
from thalweg.cells.nasbench101 import OPERATIONS
from thalweg.cells.nasbench101_network import vertex_channels
from thalweg.core.errors import InvalidInput

C3, C1, MP = OPERATIONS


def cell(edges, ops):
    matrix = np.zeros((len(ops) + 2, len(ops) + 2), int)
    for i, j in edges:
        matrix[i, j] = 1
    return ModelSpec(matrix, ["input", *ops, "output"])


RECORDED = [  # edges, operations, trainable_parameters
    (
        [(0, 1), (0, 4), (0, 5), (1, 2), (2, 3), (2, 6), (3, 5), (4, 5), (5, 6)],
        [C3, MP, C3, C3, C1],
        8_555_530,
    ),
    (
        [(0, 1), (0, 2), (0, 3), (0, 5), (1, 6), (2, 6), (3, 4), (4, 6), (5, 6)],
        [C1, C3, C3, C3, MP],
        2_694_282,
    ),
]


@pytest.mark.parametrize(("edges", "ops", "expected"), RECORDED)
def test_parameters_of_nasbench101(edges, ops, expected):
    spec = cell(edges, ops)
    assert nasbench101_network.parameters(spec) == expected
    more = nasbench101_network.parameters(spec, classes=100)
    assert more == expected + 513 * 90


def test_the_bare_edge_by_hand():
    """A projection per cell: 1x1 convolutions and their normalizations."""
    spec = cell([(0, 1)], [])
    cells = [(128, 128)] * 3 + [(128, 256), *[(256, 256)] * 2]
    cells += [(256, 512), *[(512, 512)] * 2]
    weights = [9 * 3 * 128, *(a * b for a, b in cells)]
    norms = [2 * 128, *(2 * b for _, b in cells)]
    found = nasbench101_network.parameters(spec)
    assert found == sum(weights) + sum(norms) + 513 * 10
    sizes = [32] * 4 + [16] * 3 + [8] * 3
    products = sum(w * s**2 for w, s in zip(weights, sizes, strict=True))
    assert nasbench101_network.multiply_adds(spec) == products + 5120


@pytest.mark.parametrize(
    # the published program's own cases
    ("edges", "inner", "sizes", "expected"),
    [
        ([(0, 1), (1, 2), (2, 3)], 2, (8, 16), [8, 16, 16, 16]),
        ([(0, 1)], 0, (5, 1), [5, 1]),
        ([(0, 1), (0, 2), (1, 3), (2, 3), (3, 4)], 3, (16, 8), [16, 8, 8, 8, 8]),
        ([(0, 1), (0, 2), (1, 3), (2, 3)], 2, (8, 15), [8, 8, 7, 15]),
        (
            [(0, 1), (0, 2), (0, 3), (1, 4), (2, 4), (3, 4)],
            3, (8, 8), [8, 3, 3, 2, 8],
        ),
        ([(0, 1), (1, 2), (1, 3), (2, 4), (3, 4)], 3, (8, 9), [8, 5, 5, 4, 9]),
        (
            [(0, 1), (0, 3), (1, 2), (1, 4), (2, 3), (3, 4)],
            3, (8, 15), [8, 8, 7, 7, 15],
        ),
    ],
)  # fmt: skip
def test_channels_are_shared_as_published(edges, inner, sizes, expected):
    matrix = cell(edges, [C3] * inner).matrix
    assert vertex_channels(*sizes, matrix) == expected


def test_cells_of_other_spaces_are_refused():
    with pytest.raises(InvalidInput, match="'relu'"):
        nasbench101_network.parameters(cell([(0, 1), (1, 2)], ["relu"]))


CURVES = [  # cell, then parameters and FLOPs of CIFAR-10, -100 and ImageNet16-120
    (
        "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|"
        "+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|",
        [(129_306, 15_647_370), (135_156, 15_653_220), (136_456, 3_919_480)],
    ),
    (
        "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|"
        "+|none~0|nor_conv_3x3~1|avg_pool_3x3~2|",
        [(802_426, 113_951_370), (808_276, 113_957_220), (809_576, 28_495_480)],
    ),
    (
        "|skip_connect~0|+|skip_connect~0|skip_connect~1|"
        "+|none~0|nor_conv_1x1~1|none~2|",
        [(101_306, 11_715_210), (107_156, 11_721_060), (108_456, 2_936_440)],
    ),
]


@pytest.mark.parametrize(("text", "expected"), CURVES)
def test_records_of_nasbench201(text, expected):
    ops = nasbench201.from_string(text)
    found = [
        (
            nasbench201_network.parameters(ops, classes=classes),
            nasbench201_network.multiply_adds(ops, classes=classes, size=size),
        )
        for classes, size in ((10, 32), (100, 32), (120, 16))
    ]
    assert found == expected


def test_other_operations_are_refused():
    with pytest.raises(InvalidInput, match="6 operations"):
        nasbench201_network.parameters(["none"])
    with pytest.raises(InvalidInput, match="nor_conv_3x3"):
        nasbench201_network.parameters(["none"] * 5 + ["nor_conv_3x4"])
