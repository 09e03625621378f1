"""A report in the terminal."""

from math import isfinite
from typing import TYPE_CHECKING

from thalweg.report import answer, text
from thalweg.report.circumstances import KINDS
from thalweg.report.data import ReportData
from thalweg.report.facts import Facts, as_number, config_of
from thalweg.report.findings import diagnosis
from thalweg.report.words import headline, in_words

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from thalweg.diagnosis import Diagnosis


def print_report(
    data: ReportData, *, top: int = 10, console: "Console | None" = None
) -> None:
    """Print leader, baseline, leaderboard and time; `top` rows of the leaderboard."""
    from rich.console import Console

    console = console or Console()
    for part in renderables(data, top=top):
        console.print(part)


def renderables(data: ReportData, *, top: int = 10) -> "list[RenderableType]":
    """What `print_report` prints, for a display of one's own.

    Texts are `rich.text.Text`, never markup: a column may be called `[red]`.
    """
    from rich.padding import Padding
    from rich.text import Text

    facts = Facts.of(data)
    parts: list[RenderableType] = [
        Text(answer.title(facts), style="bold"),
        Text(" ".join(filter(None, answer.sentences(facts)))),
    ]
    if facts.leader_number is not None:
        parts.append(Padding(_leader(facts), (1, 0, 0, 0)))
    if len(facts.ranked):
        parts.append(Padding(_leaderboard(facts, top), (1, 0, 0, 0)))
    found = diagnosis(facts)
    if found:
        parts.append(Padding(_findings(found), (1, 0, 0, 0)))
    parts.append(Padding(Text(_time(facts), style="dim"), (1, 0, 0, 0)))
    scored = answer.how_scored(facts)
    if scored:
        parts.append(Text(scored, style="dim"))
    return parts


def _leader(facts: Facts) -> "RenderableType":
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    metric = text.named(facts.data.metric)
    score = text.with_error(facts.score, facts.score_error)
    table.add_row(
        "leader", Text(f"trial {facts.leader_number}, {metric} {score}", "bold")
    )
    for name, phrase in in_words(facts.config).items():
        if phrase:
            table.add_row(name, Text(phrase))
    if isfinite(facts.baseline):
        error = as_number(facts.data.baseline.get("score_error"))
        shown = text.with_error(facts.baseline, error)
        name = facts.data.baseline.get("name", "")
        table.add_row("baseline", Text(f"{name}, {shown}".removeprefix(", ")))
    return table


def _leaderboard(facts: Facts, top: int) -> "RenderableType":
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("rank", justify="right")
    table.add_column("trial", justify="right")
    table.add_column(Text(text.named(facts.data.metric)), justify="right", no_wrap=True)
    table.add_column("network", ratio=1)
    table.add_column("status")
    table.add_column("train", justify="right", no_wrap=True)
    for rank, (_, row) in enumerate(facts.ranked.iloc[:top].iterrows(), 1):
        leads = int(row["number"]) == facts.leader_number
        score = text.with_error(as_number(row["score"]), as_number(row["score_error"]))
        table.add_row(
            str(rank),
            str(row["number"]),
            Text(score),
            Text(headline(config_of(row))),
            Text(str(row["status"])),
            text.seconds(as_number(row["train_seconds"])),
            style="bold" if leads else None,
        )
    return table


def _findings(found: "Diagnosis") -> "RenderableType":
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    for finding in found:
        text = f"{finding.evidence} {finding.remedy}".replace("`", "")
        table.add_row(finding.name, Text(text))
    return table


def _time(facts: Facts) -> str:
    spent = sorted(facts.data.time.items(), key=lambda item: -item[1])
    parts = [f"{KINDS.get(kind, kind)} {text.seconds(value)}" for kind, value in spent]
    return f"{answer.what_happened(facts)} {', '.join(parts)}".strip()
