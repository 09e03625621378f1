"""The pieces that sections are made of."""

from collections.abc import Mapping
from math import isfinite
from typing import Any

from thalweg.report import text
from thalweg.report.facts import as_number
from thalweg.report.figures import Figure
from thalweg.report.markup import Markup, el, script_json


def section(name: str, heading: str, *children: Any) -> Markup:
    """A section with its heading; `name` is its address in the page."""
    return el("section", el("h2", heading), *children, id=name)


def figure(content: Figure, caption: str = "", **attributes: Any) -> Markup:
    """A figure that the page's script draws."""
    height = f"height:{content['height']}px"
    data = script_json({"data": content["data"], "layout": content["layout"]})
    source = el("script", data, type="application/json")
    plot = el("div", cls="plot", style=height)
    below = el("figcaption", caption) if caption else None
    return el("figure", plot, source, below, **attributes)


def bar(name: str, share: float, shown: str, note: str = "") -> Markup:
    """A labelled bar; `share` of the track is filled."""
    width = f"width:{100 * min(1.0, max(0.0, share)):.1f}%"
    return el(
        "div",
        el("span", name, cls="name", title=name),
        el("span", el("i", style=width), cls="track"),
        el("span", shown, el("small", f" {note}") if note else None, cls="value"),
        cls="bar",
    )


def pair(key: str, value: Any) -> Markup:
    """A row in a list of properties; the items of a dict in one line."""
    if isinstance(value, Mapping):
        inside = ", ".join(
            f"{k}: {_plain(key, v)}" for k, v in list(value.items())[:20]
        )
        shown = inside + (", …" if len(value) > 20 else "") if value else "none"
    else:
        shown = _plain(key, value)
    return el("div", el("dt", key), el("dd", shown))


def _plain(key: str, value: Any) -> str:
    if "missing" in key and isinstance(value, float):
        return text.percent(value) if value else "none"
    if isinstance(value, list | tuple):
        return text.listed([text.number(item) for item in value])
    return text.number(value)


def cell(shown: str, value: Any = None) -> Markup:
    """A cell of a table that is sorted by `value`, or else by its text."""
    number = as_number(value) if value is not None else float("nan")
    sortable = repr(number) if isfinite(number) else None
    return el("td", shown, data_value=sortable, cls="n" if sortable else None)
