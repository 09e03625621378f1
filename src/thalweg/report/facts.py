"""What follows from a study's trials: who leads, how surely, and since when."""

from dataclasses import dataclass
from math import hypot, isfinite, nan
from typing import TYPE_CHECKING, Any

import numpy as np

from thalweg.report.data import ReportData

if TYPE_CHECKING:
    import pandas as pd

_CONFIG = "config."


@dataclass(frozen=True)
class Facts:
    """Derived once from a `ReportData`; `of` builds it."""

    data: ReportData
    ranked: "pd.DataFrame"  # trials with a finite score, the best first
    leader_number: int | None
    score: float  # the leader's
    score_error: float

    @staticmethod
    def of(data: ReportData) -> "Facts":
        """The trials in order; of equal scores the earlier trial leads."""
        trials = data.trials
        score = numbers(trials, "score")
        order = np.lexsort(
            (numbers(trials, "number"), -score if data.maximize else score)
        )
        ranked = trials.iloc[[i for i in order if isfinite(score[i])]]
        named = data.leader.get("trial")
        if named is None and len(ranked):
            named = ranked["number"].iloc[0]
        own, error = data.leader.get("score"), data.leader.get("score_error")
        row = np.flatnonzero(numbers(trials, "number") == as_number(named))
        if len(row):  # its own: `data.leader` has the score of what is returned
            own = numbers(trials, "score")[row[0]]
            error = numbers(trials, "score_error")[row[0]]
        return Facts(
            data=data,
            ranked=ranked,
            leader_number=None if named is None else int(named),
            score=nan if own is None else float(own),
            score_error=nan if error is None else float(error),
        )

    @property
    def config(self) -> dict[str, Any]:
        """The leader's configuration."""
        told = self.data.leader.get("config")
        if told:
            return dict(told)
        trials = self.data.trials
        row = trials[numbers(trials, "number") == self.leader_number]
        return config_of(row.iloc[0]) if len(row) else {}

    @property
    def baseline(self) -> float:
        """The baseline's score; NaN if there is none."""
        value = self.data.baseline.get("score")
        return nan if value is None else float(value)

    @property
    def gain(self) -> float:
        """By how much the leader is better than the baseline; negative if worse."""
        sign = 1.0 if self.data.maximize else -1.0
        return sign * (self.score - self.baseline)

    @property
    def gain_error(self) -> float:
        """One standard error of `gain`, as if the two errors were independent."""
        error = self.data.baseline.get("score_error")
        return hypot(self.score_error, nan if error is None else float(error))

    @property
    def last_moment(self) -> float:
        """Seconds after the beginning when the last trial ended."""
        ended = numbers(self.data.trials, "finished")
        ended = ended[np.isfinite(ended)]
        return float(ended.max()) if len(ended) else nan

    def best_numbers(self, count: int) -> list[int]:
        """The numbers of the best trials, the best first."""
        return [int(n) for n in self.ranked["number"].iloc[:count]]

    def rivals(self) -> int:
        """How many other trials lie within one standard error of the leader."""
        if not isfinite(self.score_error):
            return 0
        distance = np.abs(numbers(self.ranked, "score") - self.score)
        near = distance <= self.score_error
        return int(
            np.sum(near & (numbers(self.ranked, "number") != self.leader_number))
        )

    def statuses(self) -> dict[str, int]:
        """How many trials ended in which way, the most frequent first."""
        if not len(self.data.trials):
            return {}
        return {
            str(k): int(v) for k, v in self.data.trials["status"].value_counts().items()
        }

    def searched(self) -> list[str]:
        """The hyper-parameters that differ between trials."""
        trials = self.data.trials
        names = [c for c in trials.columns if c.startswith(_CONFIG)]
        varied = [c for c in names if len({repr(v) for v in trials[c]}) > 1]
        return [c.removeprefix(_CONFIG) for c in varied]


def numbers(frame: "pd.DataFrame", column: str) -> np.ndarray:
    """A column as doubles; NaN where it is missing."""
    if column not in frame:
        return np.full(len(frame), np.nan)
    return np.asarray([as_number(value) for value in frame[column]], float)


def as_number(value: Any) -> float:
    """The value as a double; NaN for what is none."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return nan


def is_missing(value: Any) -> bool:
    """Whether a trial has no such parameter."""
    return value is None or (isinstance(value, float) and value != value)


def config_of(row: Any) -> dict[str, Any]:
    """The configuration in a row of the trials, whole numbers as such."""
    config = {}
    for column, value in row.items():
        if column.startswith(_CONFIG) and not is_missing(value):
            # a column with gaps turns integers into doubles
            whole = (
                isinstance(value, float) and value.is_integer() and abs(value) < 2**53
            )
            config[column.removeprefix(_CONFIG)] = int(value) if whole else value
    return config
