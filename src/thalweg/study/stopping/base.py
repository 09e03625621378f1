"""The door to every stopping rule: which trials are not worth finishing."""

from abc import ABC, abstractmethod

import numpy as np
from jaxtyping import Float64

from thalweg.study.reports import Curve, Reports
from thalweg.surrogates.pareto import order


class AbstractStopping(ABC):
    """Judges a running trial by what it and others have reported.

    Of several objectives, those that the trial reports are judged, together by their
    Pareto rank. Trials are compared at equal steps. A rule is a function of the reports
    alone and changes nothing; a report that is not finite is worse than any.
    """

    @abstractmethod
    def should_stop(self, reports: Reports, trial: int) -> bool:
        """Whether to end `trial`, judged at its latest report."""


def beaten(own: Float64[np.ndarray, " m"], others: Float64[np.ndarray, "k m"]) -> float:
    """The share of `others` that rank before `own`; of equals none does.

    Columns that `own` does not have are left out. A value that is not finite ranks
    behind all that are.
    """
    if not len(others):
        return 0.0
    known = ~np.isnan(own)
    if not known.any():  # it has diverged
        return 1.0
    rows = np.concatenate([own[None, known], others[:, known]])  # its own wins draws
    place = int(np.flatnonzero(order(rows) == 0)[0])
    return place / len(others)


def last(curve: Curve) -> tuple[float, Float64[np.ndarray, " m"]]:
    """The latest step and its losses."""
    return curve.steps[-1], np.array(curve.losses[-1])
