"""What a person sees while a search runs, and when it has ended."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from thalweg.automl.fit import Fit
from thalweg.automl.prepared import Prepared
from thalweg.automl.settings import Settings
from thalweg.report.words import headline, in_words
from thalweg.study.loop import Search

EVERY = 10.0  # seconds between lines where there is no terminal to redraw


class Display:
    """A live panel in a terminal, a line now and then elsewhere, nothing if quiet."""

    def __init__(self, settings: Settings, *, quiet: bool):
        self._settings = settings
        self._console = Console(stderr=True)
        self._quiet = quiet
        self._live: Live | None = None
        self._last = 0.0

    def __enter__(self) -> "Display":
        if not self._quiet and self._console.is_terminal:
            self._live = Live(
                Text("Reading the table …"),
                console=self._console,
                transient=True,
                refresh_per_second=4,
            )
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, prepared: Prepared, search: Search) -> None:
        """News of the search."""
        if self._live is not None:
            self._live.update(self._panel(prepared, search))
        elif not self._quiet and time.monotonic() - self._last > EVERY:
            self._last = time.monotonic()
            self._console.print(self._line(prepared, search))

    def _panel(self, prepared: Prepared, search: Search) -> Group:
        limit, elapsed = prepared.settings.time_limit, search.clock.elapsed
        trials = prepared.settings.trials
        if limit is not None:
            total, done, unit = limit, elapsed, f"{elapsed:.0f} of {limit:g} s"
        else:
            total, done = float(trials or 1), float(len(search.trials))
            unit = f"{len(search.trials)} of {trials} trials, {elapsed:.0f} s"
        top = Table.grid(padding=(0, 2))
        top.add_row(ProgressBar(total=max(total, 1e-9), completed=done, width=40), unit)
        lines = [top, Text(_counts(search)), Text(_best(prepared, search))]
        if search.leaderboard:
            lines.append(Text(_words(search.leaderboard[0].config), style="dim"))
        return Group(*lines)

    def _line(self, prepared: Prepared, search: Search) -> str:
        elapsed = search.clock.elapsed
        return f"{elapsed:5.0f} s  {_counts(search)}; {_best(prepared, search)}"


def _counts(search: Search) -> str:
    tally = search.engine.tally
    programs = "program" if tally.programs == 1 else "programs"
    return (
        f"{len(search.trials)} trials, {tally.members:,} members trained, "
        f"{tally.programs} {programs} compiled"
    )


def _words(config: Mapping[str, Any]) -> str:
    return "; ".join(phrase for phrase in in_words(config).values() if phrase)


def _best(prepared: Prepared, search: Search) -> str:
    name = prepared.problem.metric.name
    baseline = f"baseline {prepared.baseline_score.value:.4g}"
    if not search.leaderboard:
        return f"{name}: {baseline}"
    score = search.leaderboard[0].score
    assert score is not None
    return f"{name}: best {score.value:.4g}, {baseline}"


def say_notes(notes: Sequence[str], *, quiet: bool) -> None:
    """What was repaired or decided about the table."""
    if not quiet:
        console = Console(stderr=True)
        for note in notes:
            console.print(f"Note: {note}", style="dim", highlight=False, markup=False)


def say_result(fit: Fit, out: Path) -> None:
    """The answer: the leader in words, its score beside the baseline's, the place."""
    console = Console()
    problem = fit.prepared.problem
    floor = fit.prepared.baseline_score
    name = problem.metric.name
    how = problem.splits.describe()

    def say(*lines: Any) -> None:
        for line in lines:
            console.print(line, highlight=False, markup=False)

    if fit.search.engine.interrupted:
        say("Interrupted: this is the best model so far.")
    best = fit.prepared.baseline.best.name
    if fit.leader is not None:
        say(f"Leader: {headline(fit.leader.config)}", _words(fit.leader.config))
    if fit.returned == "ensemble":
        say(
            f"Returned: an ensemble of {len(fit.ensemble)} of "
            f"{len(fit.search.trials)} trials"
        )
    elif fit.returned == "baseline":
        say(f"Returned: the baseline ({best}), which no network surpassed")
    say(
        f"{name}: {fit.score.value:.4g} ± {fit.score.error:.2g} ({how}), "
        f"baseline {floor.value:.4g} ± {floor.error:.2g} ({best})",
        f"Saved in {out} after {fit.search.clock.elapsed:.1f} s. Next: "
        f"`thalweg predict {out} new.csv --out predictions.csv`, "
        f"`thalweg report {out}`",
    )
