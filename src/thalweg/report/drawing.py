"""The leader drawn: one bar per layer, as wide as the layer's logarithm."""

from collections.abc import Sequence
from math import log
from typing import Any

from thalweg.report.markup import Markup, el
from thalweg.report.text import number

WIDTH = 560
ROW = 34
MOST = 16  # layers drawn; of more, the middle ones are one row


def draw(layers: Sequence[Any]) -> Markup | None:
    """An SVG of (name, shape, parameters) rows from input to output; None if empty."""
    rows = [_row(layer) for layer in layers]
    if not rows:
        return None
    if len(rows) > MOST:
        hidden = rows[MOST // 2 : len(rows) - MOST // 2 + 1]
        middle = (f"… {len(hidden)} layers …", "", sum(r[2] for r in hidden), 0)
        rows = [*rows[: MOST // 2], middle, *rows[len(rows) - MOST // 2 + 1 :]]
    widest = max(log(1 + size) for *_, size in rows) or 1.0
    height = ROW * len(rows) + 8
    parts = []
    for place, (name, shape, parameters, size) in enumerate(rows):
        y = 4 + ROW * place
        middle = y + ROW / 2
        bar = max(66.0, 230 * log(1 + size) / widest)
        center = 285
        if place:
            parts.append(
                el("line", x1=center, x2=center, y1=y - 5, y2=y + 5, cls="wire")
            )
        if size:
            parts.append(
                el(
                    "rect",
                    x=f"{center - bar / 2:.1f}",
                    y=y + 5,
                    width=f"{bar:.1f}",
                    height=ROW - 10,
                    rx=4,
                    cls="layer",
                )
            )
        baseline = f"{middle + 4.5:.1f}"
        parts.append(el("text", _short(name), x=0, y=baseline, cls="name"))
        if shape:
            parts.append(el("text", shape, x=center, y=baseline, cls="shape"))
        shown = f"{number(parameters)}" if parameters else ""
        parts.append(el("text", shown, x=WIDTH, y=baseline, cls="count"))
    label = "The leader's layers from input to output, with their sizes and parameters"
    return el(
        "svg",
        parts,
        viewBox=f"0 0 {WIDTH} {height}",
        role="img",
        aria_label=label,
        cls="network",
    )


def _row(layer: Any) -> tuple[str, str, int, int]:
    """Name, shape as text, parameters, and the size that the bar shows."""
    name, shape, parameters = layer
    if isinstance(shape, str):
        return str(name), shape, int(parameters), 1
    sizes = [int(n) for n in (shape if isinstance(shape, list | tuple) else [shape])]
    text = " → ".join(number(n) for n in sizes)
    return str(name), text, int(parameters), max(1, sizes[-1]) if sizes else 1


def _short(name: str) -> str:
    return name if len(name) <= 24 else f"{name[:23]}…"
