"""The percentile rule: keep a trial only among the best so many percent at its step.

As the median rule (Golovin et al. 2017, https://doi.org/10.1145/3097983.3098043), with
another share than half, and of the lowest losses so far on both sides.
"""

from dataclasses import dataclass

from thalweg.core.errors import InvalidInput
from thalweg.study.reports import Reports
from thalweg.study.stopping.base import AbstractStopping, beaten


@dataclass(frozen=True)
class Percentile(AbstractStopping):
    """Stricter than the median rule with 25, more lenient with 75."""

    keep: float = 25.0  # per cent
    startup: int = 5  # trials that must have come as far
    warmup: float = 0  # steps before which nothing is stopped

    def __post_init__(self) -> None:
        if not 0 < self.keep < 100:
            raise InvalidInput(
                f"`keep` is a percentage between 0 and 100, but got {self.keep}."
            )

    def should_stop(self, reports: Reports, trial: int) -> bool:
        """At the trial's latest report."""
        curve = reports.curve(trial)
        if not len(curve) or curve.steps[-1] < self.warmup:
            return False
        others = reports.others(trial, curve.steps[-1], "lowest")
        worse = beaten(curve.lowest[-1], others) >= self.keep / 100
        return len(others) >= self.startup and worse
