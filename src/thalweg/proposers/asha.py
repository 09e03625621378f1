"""ASHA: successive halving that promotes as soon as it can, so that nobody ever waits.

Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning", Algorithm 2,
https://arxiv.org/abs/1810.05934
Departs from the paper: budgets are fractions of a full training; survivors resume from
their own weights; several objectives and constraints are ranked by non-dominated fronts
(Deb et al. 2002, https://doi.org/10.1109/4235.996017); where a space is exhausted, the
best go on to a full training.
"""

from typing import Any, ClassVar

import equinox as eqx
import numpy as np
from jaxtyping import Float64, Int64

from thalweg.core.typing import Key
from thalweg.proposers.archive import Archive
from thalweg.proposers.base import AbstractProposer, Outcome, Proposal
from thalweg.proposers.cohort import survivors
from thalweg.proposers.halving import depth
from thalweg.proposers.random import Random
from thalweg.spaces import Space


class ASHAState(eqx.Module):
    sampler: Any  # the state of the proposer that draws new configurations
    archive: Archive


class AbstractASHA(AbstractProposer[ASHAState]):
    """Promotions by the rungs, and new trials by the sampler: ASHA and MOBSTER."""

    min_budget: eqx.AbstractVar[int | float]
    factor: eqx.AbstractVar[int | float]
    sampler: eqx.AbstractVar[AbstractProposer[Any]]

    multi_fidelity: ClassVar[bool] = True

    @property
    def rank_based(self) -> bool:  # type: ignore[override]
        """As the sampler is."""
        return self.sampler.rank_based

    @property
    def objectives(self) -> int | None:  # type: ignore[override]
        """As many as the sampler can take."""
        return self.sampler.objectives

    @property
    def budgets(self) -> Float64[np.ndarray, " k"]:
        """Those of the rungs, the last of them 1."""
        lowest = depth(self.min_budget, self.factor)
        return float(self.factor) ** np.arange(-lowest, 1)

    def init(self, space: Space, *, key: Key) -> ASHAState:
        """Nothing told."""
        sampler = self.sampler.init(space, key=key)
        return ASHAState(sampler, Archive.empty(space, key=key))

    def propose(self, state: ASHAState, n: int, *, key: Key) -> Proposal:
        """Promotions, those of the highest rung first, and then new trials."""
        budgets = self.budgets
        rungs = [_Rung(state.archive, budget) for budget in budgets]
        found: list[tuple[int, float]] = []  # a row of the archive, its next budget
        for rung, above in zip(rungs[-2::-1], rungs[:0:-1], strict=True):
            best = rung.best(int(len(rung.rows) / self.factor + 1e-9))
            found += [(row, above.budget) for row in above.without(best)]
        found = found[:n]
        new = Proposal.fresh(state.archive.x[:0])
        if len(found) < n:
            new = self.sampler.propose(state.sampler, n - len(found), key=key)
        if not found and not len(new) and not len(state.archive.pending):
            found = _last(rungs)
        rows = np.array([row for row, _ in found], np.int64)
        return Proposal(
            np.concatenate([state.archive.x[rows], new.x]),
            np.append(state.archive.trial[rows], new.parent),
            np.append([b for _, b in found], np.full(len(new), budgets[0])),
        )

    def expect(self, state: ASHAState, proposal: Proposal) -> ASHAState:
        """All are pending; the sampler waits for the new trials."""
        new = proposal.parent < 0
        fresh = Proposal(proposal.x[new], proposal.parent[new], proposal.budget[new])
        sampler = self.sampler.expect(state.sampler, fresh) if len(fresh) else None
        return ASHAState(
            state.sampler if sampler is None else sampler,
            state.archive.expect(proposal),
        )

    def tell(self, state: ASHAState, outcome: Outcome) -> ASHAState:
        """Each outcome is entered in the rung of its budget."""
        sampler = self.sampler.tell(state.sampler, outcome)
        return ASHAState(sampler, state.archive.tell(outcome))


class ASHA(AbstractASHA):
    """Successive halving for many workers, or for batches that are never complete.

    A trial goes on to the next of the budgets `min_budget`, …, 1/factor, 1 as soon as
    it is among the best 1/factor of those told at its own; while there is none, a new
    one begins. It suits what `SuccessiveHalving` suits. Told one at a time it promotes
    some trials that a complete rung would not have, and in return always has work.
    """

    min_budget: int | float = 1 / 27  # fraction of a full training
    factor: int | float = 3
    sampler: AbstractProposer[Any] = eqx.field(default_factory=Random)

    def __check_init__(self) -> None:
        depth(self.min_budget, self.factor)


class _Rung:
    """The trials told at one budget, and those on their way to it."""

    def __init__(self, archive: Archive, budget: float):
        self.archive, self.budget = archive, float(budget)
        # a trial that was given up before it ran (number -1) has no place
        here = np.flatnonzero((archive.budget == budget) & (archive.trial >= 0))
        _, first = np.unique(archive.trial[here], return_index=True)
        self.rows: Int64[np.ndarray, " k"] = here[np.sort(first)]
        coming = archive.pending_parent[archive.pending_budget == budget]
        self.entered = np.append(archive.trial[self.rows], coming)

    def best(self, count: int) -> Int64[np.ndarray, " k"]:
        """Rows of the archive; of those that failed none."""
        if not count:
            return self.rows[:0]
        archive, rows = self.archive, self.rows
        order = survivors(archive.losses[rows], archive.constraints[rows])
        return rows[order[:count]]

    def without(self, rows: Int64[np.ndarray, " k"]) -> list[int]:
        """Of rows of the archive, those whose trials have not come here yet."""
        left = ~np.isin(self.archive.trial[rows], self.entered)
        return rows[left].tolist()


def _last(rungs: list[_Rung]) -> list[tuple[int, float]]:
    """The promotion that is due when nothing new can begin: towards a full training."""
    if len(rungs[-1].rows):
        return []
    for rung, above in zip(rungs[-2::-1], rungs[:0:-1], strict=True):
        best = above.without(rung.best(len(rung.rows)))
        if best:
            return [(best[0], above.budget)]
    return []
