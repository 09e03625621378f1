"""Successive halving on reports: at each rung, only the best 1/factor go on.

Li et al. 2020 (ASHA), Algorithm 2, https://arxiv.org/abs/1810.05934
Departs from the paper: nothing is paused and promoted later. A trial that is not among
the best of those that have reached a rung so far ends there, so that early trials pass
more easily (the paper's "stopping" variant in Ray Tune does likewise).
"""

from dataclasses import dataclass

from thalweg.core.errors import InvalidInput
from thalweg.study.reports import Reports
from thalweg.study.stopping.base import AbstractStopping, beaten, last


@dataclass(frozen=True)
class Halving(AbstractStopping):
    """The most aggressive: for many trials whose early losses rank them well."""

    min_steps: float = 1  # the first rung; further ones at `factor` times the last
    factor: float = 3

    def __post_init__(self) -> None:
        if not (self.min_steps > 0 and self.factor > 1):
            raise InvalidInput(
                "`min_steps > 0` and `factor > 1` must hold, but got "
                f"min_steps={self.min_steps}, factor={self.factor}."
            )

    def should_stop(self, reports: Reports, trial: int) -> bool:
        """At the latest report, if it is the trial's first on or beyond a rung."""
        curve = reports.curve(trial)
        if not len(curve):
            return False
        step, own = last(curve)
        rung = self._rung(step)
        if rung is None or (len(curve) > 1 and curve.steps[-2] >= rung):
            return False
        others = reports.reached(trial, rung)
        # the best 1/factor of all that are here, itself included, at least one
        places = max(1, int((len(others) + 1) / self.factor + 1e-9))
        return round(beaten(own, others) * len(others)) >= places

    def _rung(self, step: float) -> float | None:
        """The highest rung at or below `step`."""
        rung = self.min_steps
        if step < rung:
            return None
        while rung * self.factor <= step * (1 + 1e-12):
            rung *= self.factor
        return rung
