"""HTML by construction: every text is escaped unless it is markup already."""

import html
import json
from collections.abc import Iterable
from typing import Any

_VOID = ("br", "meta", "hr", "img", "input", "col")


class Markup(str):
    """A piece of HTML or SVG that is safe to insert."""

    __slots__ = ()


Child = str | None | Iterable["Child"]


def el(name: str, *children: Child, **attributes: Any) -> Markup:
    """An element: `el("p", "1 < 2", cls="note")` is `<p class="note">1 &lt; 2</p>`.

    Attributes that are None or False are left out; `data_value` becomes `data-value`,
    and `cls` becomes `class`.
    """
    inside = join(*children)
    names = {"cls": "class", "name_": "name"}
    opened = name
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        key = names.get(key, key.replace("_", "-"))
        opened += (
            f" {key}"
            if value is True
            else f' {key}="{html.escape(visible(str(value)))}"'
        )
    if name in _VOID:
        return Markup(f"<{opened}>")
    return Markup(f"<{opened}>{inside}</{name}>")


def join(*children: Child) -> Markup:
    """Children one after another; None is nothing."""
    parts = []
    for child in children:
        if child is None:
            continue
        if isinstance(child, Markup):
            parts.append(str(child))
        elif isinstance(child, str):
            parts.append(html.escape(visible(child)))
        else:
            parts.append(str(join(*child)))
    return Markup("".join(parts))


def visible(text: str) -> str:
    """Text that UTF-8 can hold: a lone surrogate is shown as its number."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def script_json(value: Any) -> Markup:
    """JSON that may stand in a `<script>` element: no `<` ends the element."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e"))
