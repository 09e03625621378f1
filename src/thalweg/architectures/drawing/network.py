"""Networks as a column of layers: what they are, shapes, parameters and their shares.

A network that is undecided shows its choices in dashed boxes.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax

from thalweg.architectures.drawing.graph import Drawing
from thalweg.architectures.drawing.svg import Point, box, curve, text, width_of
from thalweg.architectures.outline import Part, outline
from thalweg.architectures.spaces.darts import CellStack
from thalweg.architectures.vocabulary import Cell, InputChoice, LayerChoice, Repeat
from thalweg.architectures.vocabulary.choices import Labelled, values_of
from thalweg.architectures.vocabulary.decided import Numbered
from thalweg.networks.layers import AbstractLayer, Residual, Sequential, Shape
from thalweg.spaces import AbstractParameter

TALL, GAP = 40.0, 18.0
LONGEST = 48  # characters of a line
LEFT, NARROW, SHAPES, COUNTS = 8.0, 150.0, 112.0, 96.0  # widths of what is side by side
_FAMILIES = {
    "Conv": "conv",
    "DepthwiseConv": "separable",
    "InvertedResidual": "separable",
    "MaxPool": "pool",
    "AvgPool": "pool",
    "GlobalPool": "pool",
    "Dense": "dense",
    "Identity": "skip",
    "Residual": "skip",
    "ResidualBlock": "skip",
}
_QUIET = ("BatchNorm", "GroupNorm", "LayerNorm", "Activate", "Dropout", "DropPath")


class Row(NamedTuple):
    """A box of the column, with what stands beside it."""

    title: str
    detail: str
    family: str
    is_open: bool = False
    shape: str = ""
    parameters: int | None = None
    times: int = 1


def draw_network(layer: AbstractLayer, shape: Shape) -> Drawing:
    """A decided tree, for examples of that shape."""
    rows = list(_merged(outline(layer, shape), shape))
    whole = sum((row.parameters or 0) * row.times for row in rows)
    first = Row("input", "", "other", shape=_shape(shape))
    return _column([first, *rows], whole)


def draw_tree(layer: Any) -> Drawing:
    """A tree with choices, for which there are no shapes."""
    return _column(list(_folded(_open_rows(layer))), None)


def _folded(rows: Iterator[Row]) -> Iterator[Row]:
    """Rows without those of normalisations and the like, which the one before names."""
    last = None
    for row in rows:
        if last is not None and row.family == "quiet":
            shown = row.detail.replace(" | ", "|") or row.title
            last = last._replace(detail=", ".join(filter(None, (last.detail, shown))))
            continue
        row = row if row.family != "quiet" else row._replace(family="other")
        if last is not None and row == last._replace(times=1):
            last = last._replace(times=last.times + 1)
            continue
        if last is not None:
            yield last
        last = row
    if last is not None:
        yield last


def _merged(parts: list[Part], shape: Shape) -> Iterator[Row]:
    """Rows: normalisations and the like are the detail of what is before them."""
    row, key, same = None, None, 1
    for part in parts:
        layer = _bare(part.layer)
        kind = type(layer).__name__
        if kind == "Identity":
            continue
        if (
            kind in _QUIET
            and row is not None
            and same == 1
            and row.shape == _shape(part.after)
        ):
            detail = f"{row.detail}, {words(layer)}" if row.detail else words(layer)
            count = (row.parameters or 0) + part.parameters
            row, key = row._replace(detail=detail, parameters=count), None
            continue
        now = jax.tree.structure(layer), part.parameters, str(part.after)
        if row is not None and now == key:
            same += 1
            row = row._replace(times=same)
            continue
        if row is not None:
            yield row
        row, key, same = _row(part), now, 1
    if row is not None:
        yield row


def _row(part: Part) -> Row:
    layer = _bare(part.layer)
    title, detail = _title(layer)
    return Row(
        title, detail, _family(layer), False, _shape(part.after), part.parameters
    )


def _title(layer: Any) -> tuple[str, str]:
    """What a layer is, and the hyper-parameters that are not in that."""
    if isinstance(layer, Cell):
        return f"{layer.label} cell", f"{len(layer.operations)} nodes"
    if isinstance(layer, Residual):
        return "residual", _cut(words(layer.body))
    head, _, rest = words(layer).partition(", ")
    return head, _cut(rest)


def _cut(line: str) -> str:
    """The beginning of a long line."""
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 2]} …"


def words(layer: Any) -> str:
    """A layer in a few words: "conv 3×3, 16 channels, stride 2"."""
    layer = _bare(layer)
    if isinstance(layer, Sequential):
        return ", ".join(map(words, layer.layers))
    if isinstance(layer, LayerChoice):
        return " | ".join(layer.candidates)
    name = _spelt(type(layer).__name__)
    fields = {
        f.name: getattr(layer, f.name)
        for f in dataclasses.fields(layer)
        if hasattr(layer, f.name) and f.metadata.get("static", False)
    }
    size = fields.pop("size", None)
    head = name if size is None else f"{name} {_sides(size)}"
    for f in dataclasses.fields(layer):
        if f.name == "activation" and not isinstance(getattr(layer, f.name), str):
            head = _spelt(type(getattr(layer, f.name)).__name__)
    more = [
        _field(name, value)
        for name, value in fields.items()
        if not _is_default(layer, name, value)
    ]
    return ", ".join([head, *filter(None, more)])


def _field(name: str, value: Any) -> str:
    if name in ("channels", "units"):
        return _value(value)
    if isinstance(value, bool):
        return name if value else ""
    if name in ("kind", "name"):
        return str(value).replace("_", " ")
    if isinstance(value, tuple) and len(value) > 2:
        return ""
    return f"{name} {_value(value)}"


def _is_default(layer: Any, name: str, value: Any) -> bool:
    field = next(f for f in dataclasses.fields(layer) if f.name == name)
    if isinstance(value, AbstractParameter | Labelled):
        return False
    return bool(value == field.default) or name in ("bias", "padding", "label")


def _value(value: Any) -> str:
    """A number, or the numbers that a choice may be."""
    if isinstance(value, Labelled):
        value = value.parameter
    if isinstance(value, AbstractParameter):
        listed = values_of(value)
        return "|".join(map(str, listed)) if listed else "?"
    return str(value)


def _sides(size: Any) -> str:
    if isinstance(size, tuple):
        return "×".join(map(str, size))
    shown = _value(size)
    return "|".join(f"{one}×{one}" for one in shown.split("|"))


def _spelt(name: str) -> str:
    """`BatchNorm` as "batch norm"; `GELU` as it is."""
    if name.isupper():
        return name
    parts = "".join(f" {c}" if c.isupper() else c for c in name).split()
    return {"Re L U": "ReLU", "Si L U": "SiLU", "Activating": ""}.get(
        " ".join(parts), " ".join(parts).lower()
    )


def _bare(layer: Any) -> Any:
    while isinstance(layer, Numbered):
        layer = layer.layer
    return layer


def _family(layer: Any) -> str:
    if isinstance(layer, Sequential) and layer.layers:
        return _family(_bare(layer.layers[0]))
    if isinstance(layer, Cell) or type(layer).__name__.endswith("Cell"):
        return "cell"
    return _FAMILIES.get(type(layer).__name__, "other")


def _open_rows(node: Any, label: str = "") -> Iterator[Row]:
    """Rows of a tree that is undecided."""
    node = _bare(node)
    if isinstance(node, Sequential | CellStack):
        stack = isinstance(node, CellStack)
        for layer in (node.stem, *node.cells) if stack else node.layers:
            yield from _open_rows(layer)
    elif isinstance(node, Cell):
        title, detail = _title(node)
        choices = LayerChoice | InputChoice
        parts = [*node.inputs, *(o for own in node.operations for o in own)]
        is_open = any(isinstance(one, choices) for one in parts)
        yield Row(title, detail, "cell", is_open=is_open)
    elif isinstance(node, Repeat):
        low, high = node.counts[0], node.counts[-1]
        copy = node.copies(1)[0]
        rows = list(_folded(_open_rows(copy)))
        for row in rows:
            title = f"{row.title}  × {low}–{high}"
            yield row._replace(title=title, is_open=True)
    elif isinstance(node, LayerChoice):
        title = node.label or "one of"
        shown = _cut(" | ".join(node.candidates))
        kinds = {type(_bare(one)).__name__ for one in node.candidates.values()}
        colour = "quiet" if kinds <= {*_QUIET, "Identity"} else "other"
        yield Row(title.replace("_", " "), shown, colour, is_open=True)
    else:
        title, detail = _title(node)
        quiet = type(node).__name__ in _QUIET
        colour = "quiet" if quiet else _family(node)
        yield Row(title, detail, colour, is_open="|" in title + detail)


def _shape(shape: Any) -> str:
    return " × ".join(map(str, shape))


def _short(count: int) -> str:
    """1,234,567 as "1.23 M"."""
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return str(count)


def _column(rows: list[Row], whole: int | None) -> Drawing:
    inner = max(
        max(width_of(row.title, bold=True), width_of(row.detail)) for row in rows
    )
    width = max(NARROW, inner + 32)
    parts, y = [], 0.0
    for number, row in enumerate(rows):
        height = TALL if row.detail else 28.0
        if number:
            middle = LEFT + width / 2
            ends = [Point(middle, y - GAP), Point(middle, y - 2)]
            parts.append(curve(ends, down=True))
        parts += _row_parts(row, y, width, height, whole)
        y += height + GAP
    total = LEFT + width + (SHAPES + 12 + COUNTS if whole is not None else 0)
    if whole is not None:
        at = Point(LEFT + width + SHAPES + 12, y - 2)
        parts.append(text(at, f"{_short(whole)} in all", anchor="start", kind="title"))
        y += 14
    return Drawing(parts, total + LEFT, y - (GAP if whole is None else 4))


def _row_parts(
    row: Row, y: float, width: float, height: float, whole: int | None
) -> list[str]:
    middle = Point(LEFT + width / 2, y + height / 2)
    parts = [box(Point(LEFT, y), width, height, row.family, is_open=row.is_open)]
    if row.times > 1:  # a pile of them
        shifted = Point(LEFT + 4, y + 4)
        parts.insert(0, box(shifted, width, height, row.family))
    up = 8 if row.detail else 0
    title = row.title + (f"  × {row.times}" if row.times > 1 else "")
    parts.append(text(Point(middle.x, middle.y - up), title, kind="title"))
    if row.detail:
        parts.append(text(Point(middle.x, middle.y + 8), row.detail, kind="quiet"))
    if row.shape:
        at = Point(LEFT + width + 14, middle.y)
        parts.append(text(at, row.shape, anchor="start", kind="quiet"))
    if whole and row.parameters:
        count = row.parameters * row.times
        at = Point(LEFT + width + SHAPES + 12, middle.y - 5)
        parts.append(text(at, _short(count), anchor="start"))
        share = max(1.0, (COUNTS - 12) * count / whole)
        parts.append(
            f'<rect class="share" x="{at.x:.1f}" y="{at.y + 10:.1f}" '
            f'width="{share:.1f}" height="4" rx="2"/>'
        )
    return parts
