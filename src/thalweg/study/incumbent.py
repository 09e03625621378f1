"""Which configuration to use where losses are noisy: the lowest seen is the luckiest.

The best few are trained again with other seeds, the better half of them once more, and
so on: Sequential Halving, Karnin et al. 2013, "Almost Optimal Exploration in
Multi-Armed Bandits", Algorithm 1, https://proceedings.mlr.press/v28/karnin13.html
Departs from the paper: each wave is one training of each that is left, so that means
are over all trainings, the first one included.
"""

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np

from thalweg.core.typing import Config
from thalweg.spaces.values import key

WAYS = ("lowest", "mean", "model")


class Evaluation(Protocol):
    """What trials of studies and of searches have in common."""

    @property
    def config(self) -> Config: ...
    @property
    def loss(self) -> float: ...


Trial = TypeVar("Trial", bound=Evaluation)


@dataclass(frozen=True)
class Best:
    """A configuration, and how it came to be chosen."""

    config: Config
    loss: float  # smaller is better: the one told, or the mean of several
    by: str  # one of WAYS
    evaluations: int  # of this configuration, at the largest budget
    error: float = math.nan  # one standard error of `loss`, where it is known

    def __str__(self) -> str:
        error = "" if math.isnan(self.error) else f" ± {self.error:.2g}"
        how = {
            "lowest": "the lowest loss told",
            "mean": f"the lowest mean of {self.evaluations} evaluations each",
            "model": "the lowest prediction of the proposer's model",
        }[self.by]
        return f"{self.config}: {self.loss:.6g}{error}, {how}"

    @staticmethod
    def of(group: Sequence[Evaluation]) -> "Best":
        """By the mean of several evaluations of one configuration; the loss of one."""
        losses, count = [trial.loss for trial in group], len(group)
        if count == 1:
            return Best(dict(group[0].config), losses[0], "lowest", 1)
        error = float(np.std(losses, ddof=1) / math.sqrt(count))
        mean = float(np.mean(losses))
        return Best(dict(group[0].config), mean, "mean", count, error)


def key_of(config: Config) -> Hashable:
    """Equal exactly for equal configurations. (Rows are finer than rounded values.)"""
    return tuple((name, key(value)) for name, value in config.items())


def grouped(trials: Iterable[Trial]) -> dict[Hashable, list[Trial]]:
    """Evaluations by configuration, in the order of their first."""
    groups: dict[Hashable, list[Trial]] = {}
    for trial in trials:
        groups.setdefault(key_of(trial.config), []).append(trial)
    return groups


def mean_losses(trials: Iterable[Evaluation]) -> dict[Hashable, float]:
    """Of each configuration."""
    groups = grouped(trials).items()
    return {key: float(np.mean([t.loss for t in group])) for key, group in groups}


def by_mean(trials: Sequence[Trial]) -> list[Trial]:
    """All evaluations of one configuration: of the lowest mean among those evaluated
    most often. Nothing of nothing.
    """
    groups, means = grouped(trials), mean_losses(trials)
    most = max(map(len, groups.values()), default=0)
    often = {key: group for key, group in groups.items() if len(group) == most}
    return often[min(often, key=lambda key: means[key])] if often else []
