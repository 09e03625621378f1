"""The sections of the page; each returns markup, or None if it has nothing to say."""

from collections.abc import Mapping
from math import isfinite
from typing import Any

import numpy as np

from thalweg.report import answer, text
from thalweg.report.drawing import draw
from thalweg.report.facts import Facts, as_number, config_of, numbers
from thalweg.report.figures import Figure, learning_curves, progress, slices
from thalweg.report.importance import Importance
from thalweg.report.markup import Markup, el, join, script_json
from thalweg.report.words import headline

TOP = 100  # rows of the leaderboard
COLUMNS = 12  # hyper-parameters in it
PANELS = 4  # of the slices

_RIGHT = ("rank", "trial", "parameters", "seconds")  # columns of numbers

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


def opening(facts: Facts) -> Markup:
    """The answer: in words, then as four numbers."""
    data = facts.data
    base_error = data.baseline.get("score_error")
    tiles = [
        (
            f"{text.named(data.metric)} of the leader",
            text.with_error(facts.score, facts.score_error),
            "higher is better" if data.maximize else "lower is better",
        ),
        (
            "baseline",
            text.with_error(facts.baseline, as_number(base_error)),
            str(data.baseline.get("name", "") or ""),
        ),
        (
            "trials",
            text.number(len(data.trials)),
            text.listed([f"{n} {status}" for status, n in facts.statuses().items()]),
        ),
        (
            "time",
            text.seconds(data.seconds),
            f"limit {text.seconds(data.time_limit)}"
            if isfinite(data.time_limit)
            else "",
        ),
    ]
    return el(
        "header",
        el("p", _mark(), " Thalweg", cls="brand"),
        el("h1", answer.title(facts)),
        el("p", answer.answer(facts), " ", answer.verdict(facts), cls="lead"),
        el("p", answer.recipe(facts), cls="recipe") if answer.recipe(facts) else None,
        el(
            "dl",
            *(
                el(
                    "div",
                    el("dt", name),
                    el("dd", value.replace("\u00a0±", " ±")),
                    el("dd", note, cls="note"),
                    cls="leads" if place == 0 else None,
                )
                for place, (name, value, note) in enumerate(tiles)
                if value != "–"
            ),
            cls="tiles",
        ),
        _trust(facts),
    )


def over_time(facts: Facts) -> Markup | None:
    if not len(facts.ranked):
        return None
    caption = (
        "Each dot is a trial when it ended; the line is the best so far. Trials far "
        "below the rest are outside the frame: double-click to see them."
    )
    if not facts.data.maximize:
        caption = caption.replace("below", "above")
    return section("progress", "Best so far", figure(progress(facts), caption))


def curves(facts: Facts) -> Markup | None:
    figures = learning_curves(facts)
    if not figures:
        return None
    first = _first_metric(facts, list(figures))
    tabs = [
        el(
            "button",
            text.named(name),
            type="button",
            role="tab",
            aria_selected="true" if name == first else "false",
            data_shows=f"curve-{place}",
        )
        for place, name in enumerate(figures)
    ]
    panels = [
        figure(content, id=f"curve-{place}", hidden=name != first, role="tabpanel")
        for place, (name, content) in enumerate(figures.items())
    ]
    caption = (
        "The mean over folds of the leader and of the next best; the leader's folds "
        "are faint."
    )
    shown = el("div", tabs, role="tablist", cls="tabs") if len(tabs) > 1 else None
    note = el("p", caption, cls="caption")
    return section("curves", "Learning curves", shown, panels, note)


def leader(facts: Facts) -> Markup | None:
    """The network drawn, and its whole configuration."""
    config = facts.config
    drawn = draw(facts.data.leader.get("layers", ()))
    if not config and drawn is None:
        return None
    layers = facts.data.leader.get("layers", ())
    total = sum(int(parameters) for _, _, parameters in layers)
    caption = (
        f"From input to output: name, sizes, parameters ({text.number(total)} in all)."
    )
    table = el(
        "dl",
        *(
            el("div", el("dt", key), el("dd", text.number(value)))
            for key, value in config.items()
        ),
        cls="pairs",
    )
    members = [
        el("li", f"trial {int(number)}: {text.percent(float(weight))}")
        for number, weight in facts.data.leader.get("ensemble", ())
    ]
    ensemble = (
        [
            el("h3", "The ensemble"),
            el("p", "The model averages these trials, with these weights:"),
            el("ul", members, cls="columns"),
        ]
        if members
        else None
    )
    picture = (
        el("figure", drawn, el("figcaption", caption)) if drawn is not None else None
    )
    which = "" if facts.leader_number is None else f" is trial {facts.leader_number}"
    return section(
        "leader",
        f"The leader{which}",
        el(
            "div",
            el("div", picture, ensemble) if picture or ensemble else None,
            table,
            cls="beside" if picture or ensemble else None,
        ),
    )


def what_mattered(facts: Facts, found: Importance) -> Markup | None:
    names = list(found.names) or facts.searched()
    panels = [figure(f) for f in slices(facts, names[:PANELS])]
    if not len(facts.ranked):
        return None
    widest = max(found.shares, default=0.0) or 1.0
    bars = [
        _bar(name, share / widest, f"{text.percent(share)}", f"± {text.percent(error)}")
        for name, share, error in zip(
            found.names, found.shares, found.errors, strict=True
        )
        if share > 0.0005
    ]
    how = (
        "The share of the variance of the trials' ranks that hangs on each, alone or "
        "together with others, by a random forest that foretells "
        f"{text.percent(max(0.0, found.explained))} of it for trials it has not seen."
    )
    return section(
        "importance",
        "Which hyper-parameters mattered",
        el("p", found.reason, cls="note") if found.reason else None,
        el("div", bars, cls="bars") if bars else None,
        el("p", how, cls="caption") if bars else None,
        el("div", panels, cls="grid") if panels else None,
    )


def leaderboard(facts: Facts, found: Importance) -> Markup | None:
    ranked = facts.ranked.iloc[:TOP]
    if not len(ranked):
        return None
    wanted = facts.searched()
    wanted.sort(key=lambda n: found.names.index(n) if n in found.names else len(wanted))
    wanted = wanted[:COLUMNS]
    heads = ["rank", "trial", text.named(facts.data.metric), "network", "status"]
    heads += ["parameters", "seconds", *wanted]
    rows = []
    errors = numbers(ranked, "score_error")
    errors = errors[np.isfinite(errors)]
    typical = float(np.median(errors)) if len(errors) else None
    for rank, (_, row) in enumerate(ranked.iterrows(), 1):
        config = config_of(row)
        error = as_number(row["score_error"])
        score = text.with_error(float(row["score"]), error, typical=typical)
        cells = [
            _cell(str(rank), rank),
            _cell(str(row["number"]), row["number"]),
            _cell(score, row["score"]),
            _cell(headline(config)),
            _cell(str(row["status"])),
            _cell(text.number(int(row["parameters"])), row["parameters"]),
            _cell(f"{as_number(row['train_seconds']):.2f}", row["train_seconds"]),
        ]
        cells += [
            _cell(text.number(config[n], 3) if n in config else "", config.get(n))
            for n in wanted
        ]
        leads = int(row["number"]) == facts.leader_number
        rows.append(el("tr", cells, cls="leads" if leads else None))
    head = [
        el(
            "th",
            el("button", name, type="button"),
            scope="col",
            aria_sort="none",
            cls="n" if name in _RIGHT or name == heads[2] else None,
        )
        for name in heads
    ]
    more = len(facts.ranked) - len(ranked)
    note = f"The best {len(ranked)} of {len(facts.ranked)}. " if more > 0 else ""
    hidden = len(facts.searched()) - len(wanted)
    note += f"{text.count(hidden, 'hyper-parameter')} left out. " if hidden > 0 else ""
    return section(
        "leaderboard",
        "Leaderboard",
        el(
            "div",
            el("table", el("thead", el("tr", head)), el("tbody", rows), cls="sortable"),
            cls="scroll",
            tabindex="0",
        ),
        el("p", f"{note}A column's heading sorts by it.", cls="caption"),
    )


def baseline(facts: Facts) -> Markup | None:
    told = facts.data.baseline
    if not told:
        return None
    rows = [told, *told.get("others", ())]
    items = [
        el(
            "tr",
            el("th", str(row.get("name", "baseline")), scope="row"),
            el(
                "td",
                text.with_error(
                    as_number(row.get("score")), as_number(row.get("score_error"))
                ),
            ),
        )
        for row in rows
    ]
    score = text.with_error(facts.score, facts.score_error)
    ours = el("tr", el("th", "the leader", scope="row"), el("td", score))
    metric = text.named(facts.data.metric)
    return section(
        "baseline",
        "The baseline",
        el(
            "p",
            "Scored in the same way on the same rows. The returned model is never the "
            "worse of the two.",
        ),
        el(
            "table",
            el("thead", el("tr", el("th", "model", scope="col"), el("th", metric))),
            el("tbody", ours if isfinite(facts.score) else None, *items),
        ),
    )


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
    pairs = [_pair(key.replace("_", " "), value) for key, value in told.items()]
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
    table = el("dl", [_pair(key, value) for key, value in pairs.items()], cls="pairs")
    return section("reproduce", "To do it again", command, table)


def _trust(facts: Facts) -> Markup | None:
    said = [s for s in (answer.how_scored(facts), answer.caution(facts)) if s]
    if not said or facts.leader_number is None:
        return None
    return el("aside", el("h2", "How far to trust it"), *(el("p", s) for s in said))


def _first_metric(facts: Facts, metrics: list[str]) -> str:
    """The score's own curve, else one over validation rows, else the first."""
    held_out = [m for m in metrics if "val" in m]
    for name in (facts.data.metric, f"validation_{facts.data.metric}", *held_out):
        if name in metrics:
            return name
    return metrics[0]


def _cell(shown: str, value: Any = None) -> Markup:
    number = as_number(value) if value is not None else float("nan")
    sortable = repr(number) if isfinite(number) else None
    return el("td", shown, data_value=sortable, cls="n" if sortable else None)


def _bar(name: str, share: float, shown: str, note: str = "") -> Markup:
    width = f"width:{100 * min(1.0, max(0.0, share)):.1f}%"
    return el(
        "div",
        el("span", name, cls="name", title=name),
        el("span", el("i", style=width), cls="track"),
        el("span", shown, el("small", f" {note}") if note else None, cls="value"),
        cls="bar",
    )


def _pair(key: str, value: Any) -> Markup:
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
            _bar(str(k), v / most, text.number(v), text.percent(v / total))
            for k, v in ordered[:12]
        ]
        if len(ordered) > 12:
            rest = sum(v for _, v in ordered[12:])
            others = f"{len(ordered) - 12} others"
            bars.append(_bar(others, rest / most, text.number(rest), ""))
    elif counts and edges:
        most = max(counts) or 1
        bars = [
            _bar(
                f"{text.number(float(low), 3)} to {text.number(float(high), 3)}",
                n / most,
                text.number(n),
            )
            for low, high, n in zip(edges[:-1], edges[1:], counts, strict=False)
        ]
    pairs = el("dl", [_pair(str(k), v) for k, v in told.items()], cls="pairs")
    heading = f"The target, {name}" if name else "The target"
    return join(el("h3", heading), pairs if told else None, el("div", bars, cls="bars"))


def _mark() -> Markup:
    """A valley seen from above: contour lines and the line of steepest descent."""
    lines = ("M2 5 C8 4 8 16 12 20 C16 16 16 4 22 5", "M6 3 C10 4 10 11 12 14")
    paths = [el("path", d=d) for d in (*lines, "M18 3 C14 4 14 11 12 14")]
    paths.append(el("path", d="M12 2 C11 9 13 15 12 22", cls="thread"))
    return el("svg", paths, viewBox="0 0 24 24", cls="mark", aria_hidden="true")
