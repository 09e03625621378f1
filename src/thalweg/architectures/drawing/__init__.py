"""Architectures as pictures: SVG text that needs nothing, in light and dark pages."""

from typing import Any

from thalweg.architectures.drawing.cells import (
    genotype_cells,
    of_cell,
    of_nasbench201,
    of_spec,
)
from thalweg.architectures.drawing.graph import Drawing, draw
from thalweg.architectures.drawing.network import draw_network, draw_tree
from thalweg.architectures.drawing.svg import Point, document, text
from thalweg.architectures.vocabulary import Cell, parameters_of
from thalweg.cells import ModelSpec
from thalweg.cells.darts import Genotype
from thalweg.core.errors import InvalidInput
from thalweg.networks.layers import AbstractLayer, Sequential, Shape

MARGIN = 16.0
TITLE = 26.0

__all__ = ["to_svg"]


def to_svg(what: Any, shape: Shape | None = None, *, title: str = "") -> str:
    """A picture of a cell or of a network, as the text of an SVG file.

    **what**: a `ModelSpec`, a `Genotype` (both cells), a cell of NAS-Bench-201 as its
    string, a decided `Cell`; or a layer or a list of layers, drawn as a column. With
    the **shape** of an example, a decided network has shapes and parameters beside it;
    a tree with choices shows them as dashed boxes.

    Raises InvalidInput for anything else, and for layers that don't fit the shape.
    """
    drawings = _drawings(what, shape)
    named = [(name or title if len(drawings) == 1 else name, d) for name, d in drawings]
    parts, y, width = [], MARGIN, 0.0
    for name, drawing in named:
        if name:
            at = Point(MARGIN, y + FONT_MIDDLE)
            parts.append(text(at, name, kind="title", anchor="start"))
            y += TITLE
        inside = "".join(drawing.parts)
        parts.append(f'<g transform="translate({MARGIN:.0f} {y:.0f})">{inside}</g>')
        y += drawing.height + MARGIN
        width = max(width, drawing.width)
    return document(parts, width + 2 * MARGIN, y, title or "architecture")


FONT_MIDDLE = 8.0


def _drawings(what: Any, shape: Shape | None) -> list[tuple[str, Drawing]]:
    if isinstance(what, ModelSpec):
        return [("", draw(*of_spec(what)))]
    if isinstance(what, Genotype):
        return [(name, draw(*graph)) for name, graph in genotype_cells(what)]
    if isinstance(what, str):
        return [("", draw(*of_nasbench201(what)))]
    if isinstance(what, list | tuple):
        what = Sequential(what)
    if not isinstance(what, AbstractLayer):
        raise InvalidInput(
            "`to_svg` draws a `ModelSpec`, a `Genotype`, the string of a cell of "
            f"NAS-Bench-201 or layers, but got {type(what).__name__}."
        )
    decided = not parameters_of(what)
    if isinstance(what, Cell) and decided:
        return [("", draw(*of_cell(what)))]
    if decided and shape is not None:
        return [("", draw_network(what, shape))]
    return [("", draw_tree(what))]
