"""The median rule: stop a trial whose best is worse than the others' typical curve.

Golovin et al. 2017 (Google Vizier), section 3.2.2,
https://doi.org/10.1145/3097983.3098043
Departs from the paper: all trials that have come as far count, not completed ones only,
so that it works from the first batch of parallel workers on; several objectives are
compared by Pareto rank.
"""

from dataclasses import dataclass

from thalweg.study.reports import Reports
from thalweg.study.stopping.base import AbstractStopping, beaten


@dataclass(frozen=True)
class Median(AbstractStopping):
    """The safe first choice: no assumption about the curves' shape.

    A trial is stopped at step s if its lowest loss so far is worse than the median of
    the other trials' mean losses up to s.
    """

    startup: int = 5  # trials that must have come as far
    warmup: float = 0  # steps before which nothing is stopped

    def should_stop(self, reports: Reports, trial: int) -> bool:
        """At the trial's latest report."""
        curve = reports.curve(trial)
        if not len(curve) or curve.steps[-1] < self.warmup:
            return False
        others = reports.others(trial, curve.steps[-1], "mean")
        return len(others) >= self.startup and beaten(curve.lowest[-1], others) > 0.5
