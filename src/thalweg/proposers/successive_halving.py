"""Successive halving: train many briefly, keep the best 1/factor, train those longer.

Jamieson & Talwalkar 2016, https://arxiv.org/abs/1502.07943
Departs from the paper: geometric budgets as in Hyperband (Li et al. 2018,
https://arxiv.org/abs/1603.06560), fractions of a full training; the best resume from
their own weights; another bracket follows the last one.
"""

from typing import Any

import equinox as eqx

from thalweg.core.errors import InvalidInput
from thalweg.proposers.base import AbstractProposer
from thalweg.proposers.halving import AbstractHalving, Rung, depth, geometric
from thalweg.proposers.random import Random


class SuccessiveHalving(AbstractHalving):
    """Where short trainings rank configurations as long ones do; needs no model.

    `trials` new trials start each bracket at the smallest budget among 1, 1/factor,
    1/factor², … that is not below `min_budget`; the best 1/factor of them are resumed
    up to `factor` times that budget, and so on up to 1. By default 27 trials cost as
    much as 3 full trainings (4 if weights can't be resumed).
    """

    trials: int = 27
    min_budget: int | float = 1 / 27  # fraction of a full training
    factor: int | float = 3
    brackets: int | None = None  # exhausted after so many; None: goes on
    sampler: AbstractProposer[Any] = eqx.field(default_factory=Random)

    def __check_init__(self) -> None:
        depth(self.min_budget, self.factor)
        if self.trials < 1:
            raise InvalidInput(f"`trials` must be at least 1, but got {self.trials}.")

    def rungs(self, bracket: int) -> tuple[Rung, ...]:
        """The same for every bracket."""
        del bracket
        return geometric(self.trials, depth(self.min_budget, self.factor), self.factor)
