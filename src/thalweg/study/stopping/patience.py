"""Patience: stop a trial that has not improved for so many reports.

Prechelt 1998, "Early stopping - but when?", the class UP of criteria,
https://doi.org/10.1007/3-540-49430-8_3
"""

from dataclasses import dataclass

import numpy as np

from thalweg.core.errors import InvalidInput
from thalweg.study.reports import Reports
from thalweg.study.stopping.base import AbstractStopping


@dataclass(frozen=True)
class Patience(AbstractStopping):
    """Looks at the trial alone: for objectives that go on after they have converged.

    Of several objectives, an improvement of any counts.
    """

    reports: int = 10  # in a row without improvement
    min_delta: float = 0.0  # what counts as one

    def __post_init__(self) -> None:
        if self.reports < 1 or not self.min_delta >= 0:
            raise InvalidInput(
                "`reports >= 1` and `min_delta >= 0` must hold, but got "
                f"reports={self.reports}, min_delta={self.min_delta}."
            )

    def should_stop(self, reports: Reports, trial: int) -> bool:
        """At the trial's latest report."""
        curve = reports.curve(trial)
        if len(curve) <= self.reports:
            return False
        before = curve.lowest[-1 - self.reports]
        gain = before - curve.lowest[-1]
        first = np.isnan(before) & ~np.isnan(curve.lowest[-1])
        return not bool((first | (gain > self.min_delta)).any())
