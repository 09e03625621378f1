"""The sections that answer; each returns markup, or None if it has nothing to say."""

from math import isfinite

from thalweg.report import answer, text
from thalweg.report.drawing import draw
from thalweg.report.facts import Facts, as_number
from thalweg.report.figures import learning_curves, progress, slices
from thalweg.report.importance import Importance
from thalweg.report.markup import Markup, el
from thalweg.report.pieces import bar, figure, section

PANELS = 4  # of the slices


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
        bar(name, share / widest, f"{text.percent(share)}", f"± {text.percent(error)}")
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


def _mark() -> Markup:
    """A valley seen from above: contour lines and the line of steepest descent."""
    lines = ("M2 5 C8 4 8 16 12 20 C16 16 16 4 22 5", "M6 3 C10 4 10 11 12 14")
    paths = [el("path", d=d) for d in (*lines, "M18 3 C14 4 14 11 12 14")]
    paths.append(el("path", d="M12 2 C11 9 13 15 12 22", cls="thread"))
    return el("svg", paths, viewBox="0 0 24 24", cls="mark", aria_hidden="true")
