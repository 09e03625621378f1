"""Hyperband: brackets of successive halving, from many short to few full trainings.

Li et al. 2018, Algorithm 1, https://arxiv.org/abs/1603.06560
Departs from the paper: budgets are fractions of a full training (R = 1), and survivors
resume from their own weights.
"""

from typing import Any

import equinox as eqx

from thalweg.proposers.base import AbstractProposer
from thalweg.proposers.halving import AbstractHalving, Rung, depth, hyperband_rungs
from thalweg.proposers.random import Random


class Hyperband(AbstractHalving):
    """Successive halving hedged against short trainings that mislead.

    With the default arguments the brackets start 27 trials at 1/27, 12 at 1/9, 6 at
    1/3, 4 at 1, and then again from the beginning. `BOHB` is the same with new trials
    that a model chooses.
    """

    min_budget: int | float = 1 / 27  # fraction of a full training
    factor: int | float = 3
    brackets: int | None = None  # exhausted after so many; None: goes on
    sampler: AbstractProposer[Any] = eqx.field(default_factory=Random)

    def __check_init__(self) -> None:
        depth(self.min_budget, self.factor)

    def rungs(self, bracket: int) -> tuple[Rung, ...]:
        """Bracket s = s_max, …, 0 of the paper, and round again."""
        return hyperband_rungs(bracket, self.min_budget, self.factor)
