"""Hyperband: brackets of successive halving, from many short to few full trainings.

Li et al. 2018, Algorithm 1, https://arxiv.org/abs/1603.06560
Departs from the paper: budgets are fractions of a full training (R = 1), and survivors
resume from their own weights.
"""

import math
from typing import Any

import equinox as eqx

from thalweg.proposers.base import AbstractProposer
from thalweg.proposers.halving import AbstractHalving, Rung, depth, geometric
from thalweg.proposers.random import Random


class Hyperband(AbstractHalving):
    """Successive halving hedged against short trainings that mislead.

    With the default arguments the brackets start 27 trials at 1/27, 12 at 1/9, 6 at
    1/3, 4 at 1, and then again from the beginning. With `sampler=GaussianProcess()` the
    new trials are chosen by a model of those before (as BOHB does, Falkner et al. 2018,
    https://arxiv.org/abs/1807.01774).
    """

    min_budget: int | float = 1 / 27  # fraction of a full training
    factor: int | float = 3
    brackets: int | None = None  # exhausted after so many; None: goes on
    sampler: AbstractProposer[Any] = eqx.field(default_factory=Random)

    def __check_init__(self) -> None:
        depth(self.min_budget, self.factor)

    def rungs(self, bracket: int) -> tuple[Rung, ...]:
        """Bracket s = s_max, …, 0 of the paper, and round again."""
        s_max = depth(self.min_budget, self.factor)
        s = s_max - bracket % (s_max + 1)
        n = math.ceil((s_max + 1) / (s + 1) * self.factor**s - 1e-9)
        return geometric(n, s, self.factor)
