"""What surrounds the answer: time, data, and how to do it again."""

from collections.abc import Mapping
from math import isfinite
from typing import Any

from thalweg.report import answer, text
from thalweg.report.facts import Facts, as_number
from thalweg.report.markup import Markup, el, join
from thalweg.report.pieces import bar, pair, section

KINDS = {
    "train": "training",
    "compile": "compiling",
    "propose": "proposing",
    "evaluate": "evaluating",
    "store": "writing",
    "load": "reading data",
    "prepare": "preparing data",
    "refit": "the final fit",
    "ensemble": "the ensemble",
    "baseline": "the baseline",
}


def time_spent(facts: Facts) -> Markup | None:
    data = facts.data
    spent = {kind: float(s) for kind, s in data.time.items() if as_number(s) > 0}
    total = sum(spent.values())
    if isfinite(data.seconds) and data.seconds > total * 1.005:
        spent["everything else"] = data.seconds - total
        total = data.seconds
    if not spent:
        return None
    ordered = sorted(spent.items(), key=lambda item: -item[1])
    segments = [
        el("span", style=f"flex-grow:{value / total:.5f}", cls=f"kind-{place % 7}")
        for place, (_, value) in enumerate(ordered)
    ]
    legend = [
        el(
            "li",
            el("i", cls=f"kind-{place % 7}"),
            el("b", KINDS.get(kind, text.named(kind))),
            f" {text.seconds(value)} ({text.percent(value / total)})",
        )
        for place, (kind, value) in enumerate(ordered)
    ]
    return section(
        "time",
        "How the time was spent",
        el("p", answer.what_happened(facts)),
        el("div", segments, cls="stack", aria_hidden="true"),
        el("ul", legend, cls="legend"),
    )


def data_summary(facts: Facts) -> Markup | None:
    told = dict(facts.data.summary)
    if not told:
        return None
    target, notes = told.pop("target", None), told.pop("notes", ())
    pairs = [pair(key.replace("_", " "), value) for key, value in told.items()]
    if isinstance(notes, str):
        notes = [notes]
    return section(
        "data",
        "The data",
        el("dl", pairs, cls="pairs"),
        _target(target, facts.data.target),
        [el("h3", "Notes"), el("ul", [el("li", str(note)) for note in notes])]
        if notes
        else None,
    )


def reproduce(facts: Facts) -> Markup:
    data = facts.data
    pairs: dict[str, Any] = {}
    if data.seed is not None:
        pairs["seed"] = str(data.seed)
    if data.created:
        pairs["begun"] = data.created
    if data.status:
        pairs["status"] = data.status
    pairs |= {str(key): str(value) for key, value in data.environment.items()}
    command = (
        el(
            "div",
            el("pre", el("code", data.command)),
            el("button", "copy", type="button", cls="copy"),
            cls="command",
        )
        if data.command
        else None
    )
    table = el("dl", [pair(key, value) for key, value in pairs.items()], cls="pairs")
    return section("reproduce", "To do it again", command, table)


def _target(target: Any, name: str) -> Markup | None:
    """The distribution of the target as bars."""
    if not isinstance(target, Mapping):
        return None
    told = dict(target)
    counts, edges = told.pop("counts", None), told.pop("edges", None)
    bars: list[Markup] = []
    if isinstance(counts, Mapping):
        ordered = sorted(counts.items(), key=lambda item: -item[1])
        total, most = sum(counts.values()) or 1, max(counts.values(), default=1) or 1
        bars = [
            bar(str(k), v / most, text.number(v), text.percent(v / total))
            for k, v in ordered[:12]
        ]
        if len(ordered) > 12:
            rest = sum(v for _, v in ordered[12:])
            others = f"{len(ordered) - 12} others"
            bars.append(bar(others, rest / most, text.number(rest), ""))
    elif counts and edges:
        most = max(counts) or 1
        bars = [
            bar(
                f"{text.number(float(low), 3)} to {text.number(float(high), 3)}",
                n / most,
                text.number(n),
            )
            for low, high, n in zip(edges[:-1], edges[1:], counts, strict=False)
        ]
    pairs = el("dl", [pair(str(k), v) for k, v in told.items()], cls="pairs")
    heading = f"The target, {name}" if name else "The target"
    return join(el("h3", heading), pairs if told else None, el("div", bars, cls="bars"))
