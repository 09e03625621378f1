"""SVG as text: boxes, curves and labels in colours for light and dark pages."""

from collections.abc import Sequence
from html import escape
from itertools import pairwise
from typing import NamedTuple

FONT = 12  # pixels
# what a box is about, its fill and its stroke: on a light page, on a dark one
FAMILIES = {
    "conv": ("#dbeafe", "#2563eb", "#1e3a5f", "#60a5fa"),
    "separable": ("#ccfbf1", "#0d9488", "#134e4a", "#2dd4bf"),
    "dilated": ("#ede9fe", "#7c3aed", "#3b2a63", "#a78bfa"),
    "pool": ("#ffedd5", "#ea580c", "#5a2e12", "#fb923c"),
    "skip": ("#f1f5f9", "#64748b", "#2a3342", "#94a3b8"),
    "dense": ("#dcfce7", "#16a34a", "#14432a", "#4ade80"),
    "cell": ("#fce7f3", "#db2777", "#552040", "#f472b6"),
    "other": ("#f8fafc", "#94a3b8", "#232b38", "#64748b"),
}
_STYLE = """
svg {{ color-scheme: light dark; }}
text {{ font: {size}px system-ui, "Segoe UI", sans-serif; fill: #0f172a; }}
.quiet {{ fill: #64748b; }} .title {{ font-weight: 600; }}
.page {{ fill: #ffffff; }}
.line {{ fill: none; stroke: #94a3b8; stroke-width: 1.5; }}
.tip {{ fill: #94a3b8; }} .share {{ fill: #cbd5e1; }}
rect.box, circle.box {{ stroke-width: 1.25; }} .open {{ stroke-dasharray: 4 3; }}
{light}
@media (prefers-color-scheme: dark) {{
text {{ fill: #e2e8f0; }} .quiet {{ fill: #94a3b8; }} .page {{ fill: #0f172a; }}
.line {{ stroke: #64748b; }} .tip {{ fill: #64748b; }} .share {{ fill: #475569; }}
{dark}
}}"""


class Point(NamedTuple):
    """In pixels, from the upper left."""

    x: float
    y: float


def document(parts: Sequence[str], width: float, height: float, title: str) -> str:
    """A whole picture; it scales with the page, up to its own size."""
    style = _STYLE.format(size=FONT, light=_colours(0), dark=_colours(2))
    tip = (
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="5" '
        'markerHeight="5" orient="auto"><path class="tip" d="M0 0 8 4 0 8z"/>'
        "</marker></defs>"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{width:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" style="max-width:100%">'
        f"<title>{escape(title)}</title><style>{style}</style>{tip}"
        f'<rect class="page" width="100%" height="100%"/>{"".join(parts)}</svg>'
    )


def _colours(first: int) -> str:
    return "\n".join(
        f".box.{name} {{ fill: {colours[first]}; stroke: {colours[first + 1]}; }}"
        for name, colours in FAMILIES.items()
    )


def box(
    at: Point, width: float, height: float, family: str, *, is_open: bool = False
) -> str:
    """A rounded rectangle, from its upper left; dashed where a choice is open."""
    classes = f"box {family}" + " open" * is_open
    return (
        f'<rect class="{classes}" x="{at.x:.1f}" y="{at.y:.1f}" width="{width:.1f}" '
        f'height="{height:.1f}" rx="6"/>'
    )


def circle(at: Point, radius: float, family: str) -> str:
    """A circle around a point."""
    return (
        f'<circle class="box {family}" cx="{at.x:.1f}" cy="{at.y:.1f}" '
        f'r="{radius:.1f}"/>'
    )


def text(at: Point, words: str, *, kind: str = "", anchor: str = "middle") -> str:
    """Words whose middle is at that height."""
    return (
        f'<text class="{kind}" x="{at.x:.1f}" y="{at.y + 0.35 * FONT:.1f}" '
        f'text-anchor="{anchor}">{escape(words)}</text>'
    )


def curve(points: Sequence[Point], *, down: bool = False) -> str:
    """An arrow through points, level at each of them (or upright)."""
    path = f"M{points[0].x:.1f} {points[0].y:.1f}"
    for a, b in pairwise(points):
        x, y = (a.x + b.x) / 2, (a.y + b.y) / 2
        ends = (a.x, y, b.x, y) if down else (x, a.y, x, b.y)
        bend = " ".join(f"{one:.1f}" for one in ends)
        path += f" C{bend} {b.x:.1f} {b.y:.1f}"
    return f'<path class="line" d="{path}" marker-end="url(#tip)"/>'


def width_of(words: str, *, bold: bool = False) -> float:
    """About how wide words are, in pixels."""
    narrow = sum(one in "iljtfr.,:;|'()[] 1" for one in words)
    return (0.58 + 0.04 * bold) * FONT * (len(words) - 0.4 * narrow)
