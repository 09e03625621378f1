"""What trials report while they run, by trial and by step, ready for stopping rules."""

import math
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float64

from thalweg.core.errors import InvalidInput
from thalweg.study.goals import Goals


@dataclass
class Curve:
    """The reports of one trial, in their order. Losses are minimised."""

    trial: int
    steps: list[float] = field(default_factory=list)
    values: list[dict[str, float]] = field(default_factory=list)
    losses: list[tuple[float, ...]] = field(default_factory=list)
    lowest: list[np.ndarray] = field(default_factory=list)  # so far, per objective
    mean: list[np.ndarray] = field(default_factory=list)  # so far, of finite ones

    def __len__(self) -> int:
        return len(self.steps)


class Reports:
    """Curves by trial, and who was where at each step."""

    def __init__(self, goals: Goals):
        self._goals = goals
        self._curves: dict[int, Curve] = {}
        self._at: dict[float, list[tuple[int, int]]] = {}  # step -> (trial, place)

    def __contains__(self, trial: int) -> bool:
        return trial in self._curves

    def __len__(self) -> int:
        return len(self._curves)

    def curve(self, trial: int) -> Curve:
        """The reports of a trial; an empty curve if there are none."""
        return self._curves.get(trial, Curve(trial))

    def check(self, trial: int, step: float) -> None:
        """Raises unless `step` is after the trial's last."""
        curve = self.curve(trial)
        if not math.isfinite(step) or (len(curve) and step <= curve.steps[-1]):
            last = curve.steps[-1] if len(curve) else -math.inf
            raise InvalidInput(
                f"The steps of a trial's reports must grow, but trial {trial} reported "
                f"step {step} after {last}."
            )

    def add(self, trial: int, step: float, values: Mapping[str, float]) -> None:
        """One more report."""
        curve = self._curves.setdefault(trial, Curve(trial))
        losses = np.array(self._goals.losses(values))
        before = curve.lowest[-1] if len(curve) else np.full(len(losses), math.nan)
        mean = curve.mean[-1] if len(curve) else losses
        curve.steps.append(float(step))
        curve.values.append(dict(values))
        curve.losses.append(tuple(losses.tolist()))
        curve.lowest.append(np.fmin(before, losses))
        curve.mean.append(mean + (losses - mean) / len(curve))
        self._at.setdefault(float(step), []).append((trial, len(curve) - 1))

    def others(self, trial: int, step: float, what: str) -> Float64[np.ndarray, "k m"]:
        """`what` ("losses", "lowest" or "mean") of all other trials at `step`."""
        rows = [
            getattr(self._curves[other], what)[place]
            for other, place in self._at.get(float(step), ())
            if other != trial
        ]
        return np.array(rows, np.float64).reshape(-1, len(self._goals.objectives))

    def reached(self, trial: int, step: float) -> Float64[np.ndarray, "k m"]:
        """The losses of all other trials at their first report at or after `step`."""
        rows = []
        for other, curve in self._curves.items():
            place = bisect_left(curve.steps, step)
            if other != trial and place < len(curve):
                rows.append(curve.losses[place])
        return np.array(rows, np.float64).reshape(-1, len(self._goals.objectives))
