"""Pictures: well-formed, complete, and without boxes over boxes."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from thalweg.architectures import (
    Cell,
    LayerChoice,
    ModelSpec,
    Repeat,
    fixed,
    nasbench101,
    to_svg,
)
from thalweg.architectures.drawing.graph import Vertex, _increasing, draw
from thalweg.cells import darts
from thalweg.core.errors import InvalidInput
from thalweg.networks.layers import (
    Activate,
    BatchNorm,
    Conv,
    Dense,
    Identity,
    MaxPool,
    Sequential,
)
from thalweg.spaces import Choice

SVG = "{http://www.w3.org/2000/svg}"


def words(picture):
    tree = ElementTree.fromstring(picture)
    return [node.text for node in tree.iter(f"{SVG}text")]


def boxes(picture):
    """Left, top, right and bottom of each group's boxes."""
    for group in ElementTree.fromstring(picture).iter(f"{SVG}g"):
        found = []
        for node in group.iter(f"{SVG}rect"):
            if "box" in node.get("class", ""):
                x, y, w, h = (float(node.get(k)) for k in ("x", "y", "width", "height"))
                found.append((x, y, x + w, y + h))
        yield found


def check_apart(picture):
    tree = ElementTree.fromstring(picture)
    _, _, width, height = map(float, tree.get("viewBox").split())
    for own in boxes(picture):
        for n, (a, b, c, d) in enumerate(own):
            assert a >= -1
            assert b >= -1
            assert c <= width
            assert d <= height
            for e, f, g, h in own[:n]:
                assert c <= e or g <= a or d <= f or h <= b


def test_random_cells_are_drawn_whole():
    specs = nasbench101.specs(nasbench101.random_cells(20, np.random.default_rng(0)))
    for spec in specs:
        picture = to_svg(spec)
        check_apart(picture)
        matrix, ops = spec.cell()
        assert len(words(picture)) == len(ops)
        assert picture.count("marker-end") == matrix.sum()


def test_a_genotype_is_two_cells():
    picture = to_svg(darts.DARTS_V2)
    check_apart(picture)
    shown = words(picture)
    assert shown.count("output") == 2
    assert shown.count("sep conv 3×3") == 5
    assert shown.count("max pool 3×3") == 5
    assert shown.count("skip connect") == 5
    assert shown.count("+") == 8


def test_what_nothing_reaches_is_not_drawn():
    text = "|none~0|+|nor_conv_3x3~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|"
    picture = to_svg(text)
    assert sorted(words(picture)) == ["avg pool 3×3", "conv 3×3", "input", "output"]
    assert picture.count("marker-end") == 3


def test_a_decided_cell_is_a_graph():
    cell = Cell({"same": Identity()}, nodes=2, per_node=None)
    config = {"cell_op_0_0": "same", "cell_op_1_0": "same", "cell_op_1_1": "same"}
    assert words(to_svg(fixed(cell, config))).count("Identity") == 3


def test_a_network_has_shapes_and_counts():
    layers = [
        Conv(16, size=3, bias=False),
        BatchNorm(),
        Activate("relu"),
        *[Conv(16, size=1)] * 3,
        MaxPool(2),
    ]
    shown = words(to_svg(layers, (8, 8, 1), title="A <small> network"))
    assert "16, batch norm, ReLU" in shown
    assert "conv 1×1  × 3" in shown
    assert "4 × 4 × 16" in shown
    assert "176" in shown  # 9 * 16, and a scale and shift for each channel
    assert "992 in all" in shown
    assert "A <small> network" in shown


def test_a_tree_shows_its_choices():
    tree = Sequential(
        [
            Conv(Choice([8, 16]), size=Choice([3, 5])),
            LayerChoice({"relu": Activate("relu"), "gelu": Activate("gelu")}, "act"),
            Repeat(Conv(16, size=3), (1, 4), "depth"),
            LayerChoice({"small": Dense(4), "large": Dense(8)}, label="last_layer"),
        ]
    )
    picture = to_svg(tree)
    shown = words(picture)
    assert "conv 3×3|5×5" in shown
    assert "8|16, relu|gelu" in shown
    assert "conv 3×3  × 1–4" in shown
    assert "last layer" in shown
    assert "small | large" in shown
    assert picture.count(" open") == 3


def test_pictures_follow_the_page():
    picture = to_svg(darts.DARTS_V1)
    assert "prefers-color-scheme: dark" in picture
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", picture)


def test_few_edges_cross():
    """A ladder, given upside down, is drawn without a crossing."""
    vertices = [Vertex(str(i), "other") for i in range(6)]
    drawing = draw(vertices, [(0, 3), (1, 2), (2, 5), (3, 4)])
    ends = [
        (float(m[1]), float(m[2]))
        for p in drawing.parts
        if (m := re.search(r'd="M\S+ (\S+) C[^"]* ([\d.]+)"', p))
    ]
    for n, (a, b) in enumerate(ends):
        for c, d in ends[:n]:
            assert (a - c) * (b - d) >= 0


def test_the_nearest_order_is_found():
    found = _increasing(np.array([3.0, 1.0, 2.0, 5.0]))
    np.testing.assert_allclose(found, [2, 2, 2, 5])


def test_other_things_are_refused():
    with pytest.raises(InvalidInput, match="`to_svg` draws"):
        to_svg(3)
    with pytest.raises(InvalidInput, match="path from its input"):
        to_svg(ModelSpec([[0, 0], [0, 0]], ["input", "output"]))
