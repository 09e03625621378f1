"""The page: one HTML file that needs nothing else, not even a network."""

from importlib.resources import files
from pathlib import Path

from thalweg.report import answer, circumstances, classes, sections, tables
from thalweg.report.collect import collect
from thalweg.report.data import ReportData
from thalweg.report.facts import Facts
from thalweg.report.findings import findings
from thalweg.report.importance import importance
from thalweg.report.markup import Markup, el, join


def write_report(source: str | Path | ReportData, out: str | Path) -> Path:
    """Write the page of a run directory, or of a record, to the file `out`.

    The file is written whole or not at all; a `StoreError` says why it can't be.
    """
    from thalweg.store import write_atomic

    data = source if isinstance(source, ReportData) else collect(source)
    path = Path(out)
    write_atomic(path, render(data).encode("utf-8"))
    return path


def render(data: ReportData) -> str:
    """The page as text."""
    from plotly.offline import get_plotlyjs

    facts = Facts.of(data)
    found = importance(data)
    parts = [
        sections.over_time(facts),
        sections.curves(facts),
        findings(facts),
        sections.leader(facts),
        sections.what_mattered(facts, found),
        classes.confusion(facts),
        classes.mistakes(facts),
        tables.leaderboard(facts, found),
        circumstances.time_spent(facts),
        tables.baseline(facts),
        circumstances.data_summary(facts),
        circumstances.reproduce(facts),
    ]
    has_figures = any(part is not None and 'class="plot"' in part for part in parts)
    plotly = el("script", Markup(get_plotlyjs())) if has_figures else None
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name_="color-scheme", content="light dark"),
        el("title", f"{answer.title(facts)} – Thalweg"),
        el("style", Markup(_asset("page.css"))),
    )
    toggle = el(
        "button",
        "◐",
        type="button",
        id="theme",
        title="Light or dark",
        aria_label="Theme",
    )
    body = el(
        "body",
        toggle,
        el("noscript", el("p", "The figures of this page need JavaScript.")),
        el("main", sections.opening(facts), *parts),
        plotly,
        el("script", Markup(_asset("page.js"))),
    )
    return join(Markup("<!doctype html>\n"), el("html", head, body, lang="en"))


def _asset(name: str) -> str:
    return files("thalweg.report").joinpath(name).read_text(encoding="utf-8")
