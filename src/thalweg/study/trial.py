"""What a study gives out and gets back: suggestions, and trials that were told."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from thalweg.core.errors import SearchError
from thalweg.core.typing import Config


class Desk(Protocol):
    """Where a suggestion reports to: the study that made it."""

    def report(self, suggestion: "Suggestion", values: Any, step: float) -> None:
        """Keeps what was measured at a step."""
        ...

    def should_stop(self, suggestion: "Suggestion") -> bool:
        """Whether the study's stopping rule gives the trial up."""
        ...


class Suggestion(dict[str, Any]):
    """A configuration that was asked for: a dictionary that knows its trial.

    `budget` is the fraction of a full training to reach, 1 except with multi-fidelity
    proposers; `parent` is the trial whose weights are resumed, or -1. Copied to another
    process it stays a dictionary with a number, but can't report.
    """

    def __init__(
        self,
        config: Config,
        trial: int,
        *,
        parent: int = -1,
        budget: float = 1.0,
        desk: Desk | None = None,
    ):
        super().__init__(config)
        self.trial = trial
        self.parent = parent
        self.budget = budget
        self.stopped = False  # whether `should_stop` has ever said so
        self._desk = desk

    def report(self, values: Mapping[str, float] | float, step: float) -> None:
        """Keeps `{"loss": ..., ...}` measured at `step`; a number if there is one loss.

        Any names may be reported; stopping rules look at the objectives among them.
        Steps of one trial only grow.
        """
        self._study("report").report(self, values, step)

    def should_stop(self) -> bool:
        """Whether to end this trial now, judged by what was reported so far.

        After `True`, return from the objective; what it returns is its loss, and None
        stands for the last report. The trial's status is then "stopped".
        """
        self.stopped = self.stopped or self._study("should_stop").should_stop(self)
        return self.stopped

    def _study(self, act: str) -> Desk:
        if self._desk is None:
            raise SearchError(
                f"`{act}` needs the study that asked, but this suggestion was made by "
                "hand or copied to another process. Use threads, or let each process "
                "open the study by its `storage`."
            )
        return self._desk

    def __reduce__(self) -> Any:
        return _copied, (dict(self), self.trial, self.parent, self.budget)


def _copied(config: Config, trial: int, parent: int, budget: float) -> Suggestion:
    return Suggestion(config, trial, parent=parent, budget=budget)


@dataclass(frozen=True)
class Trial:
    """One evaluation. A trial that is resumed has one for each budget."""

    number: int
    config: Config
    loss: float  # of the first objective, smaller is better; NaN if there is none
    budget: float = 1.0
    parent: int = -1
    seconds: float = math.nan
    # "complete", "stopped" (by a stopping rule), "diverged" (a loss is not finite),
    # "infeasible" (a constraint is above 0) or "failed" (an exception)
    status: str = "complete"
    error: str = ""
    values: Mapping[str, float] = field(default_factory=dict)  # all, as they were told
    losses: tuple[float, ...] = ()  # of all objectives, smaller is better
    asked: float = field(default=math.nan, compare=False)  # seconds since 1970
    told: float = field(default=math.nan, compare=False)
