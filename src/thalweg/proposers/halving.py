"""Brackets of rungs: what successive halving and Hyperband share.

A bracket trains many new trials briefly (its first rung), then resumes the best of them
up to the next rung's budget, until the few of the last rung are trained in full.
"""

import math
from abc import abstractmethod
from typing import Any, ClassVar

import equinox as eqx
import numpy as np
from jaxtyping import Int64

from thalweg.core.errors import InvalidInput
from thalweg.core.typing import Key
from thalweg.proposers.base import AbstractProposer, Outcome, Proposal
from thalweg.proposers.cohort import Cohort, survivors
from thalweg.spaces import Space


class Rung(eqx.Module):
    """`size` trials are trained up to `budget`."""

    size: int
    budget: float  # fraction of a full training, counted from the trial's beginning


class HalvingState(eqx.Module):
    sampler: Any  # the state of the proposer that draws new configurations
    bracket: Int64[np.ndarray, ""]
    rung: Int64[np.ndarray, ""]
    members: Cohort  # of the current rung


class AbstractHalving(AbstractProposer[HalvingState]):
    """Rungs in brackets, one after the other, each rung told before the next begins.

    `ask` gives what is left of the current rung, so a rung may be asked for and told in
    parts; zero rows while the rest of it is pending. The best are those that
    `surrogates.order` names first, with several objectives and constraints too.
    Diverged trials are never resumed: a rung with fewer finite losses than places in
    the next one promotes only those.
    """

    sampler: eqx.AbstractVar[AbstractProposer[Any]]
    brackets: eqx.AbstractVar[int | None]

    multi_fidelity: ClassVar[bool] = True

    @property
    def rank_based(self) -> bool:  # type: ignore[override]
        """As the sampler is."""
        return self.sampler.rank_based

    @property
    def objectives(self) -> int | None:  # type: ignore[override]
        """As many as the sampler can take."""
        return self.sampler.objectives

    @abstractmethod
    def rungs(self, bracket: int) -> tuple[Rung, ...]:
        """The rungs of a bracket, counted from 0. The last rung's budget is 1."""

    def init(self, space: Space, *, key: Key) -> HalvingState:
        """Before the first bracket."""
        return self._begin(self.sampler.init(space, key=key), 0, space.dim)

    def propose(self, state: HalvingState, n: int, *, key: Key) -> Proposal:
        """New trials while the first rung has places, else survivors to be resumed."""
        if self.brackets is not None and state.bracket >= self.brackets:
            return Proposal.fresh(state.members.x[:0])
        places = self._places(state)
        if places:
            new = self.sampler.propose(state.sampler, min(n, places), key=key)
            if len(new):
                return Proposal.fresh(new.x, self._rung(state).budget)
            state = self._closed(state)  # the sampler has no more: go on with fewer
        return state.members.waiting(n, self._rung(state).budget)

    def expect(self, state: HalvingState, proposal: Proposal) -> HalvingState:
        """Marks survivors as asked, and enters new trials in the first rung."""
        if not len(proposal):
            return state
        sampler = state.sampler
        if (proposal.parent < 0).any():
            sampler = self.sampler.expect(sampler, proposal)
        elif self._places(state):
            state = self._closed(state)
        members = state.members.expect(proposal)
        return HalvingState(sampler, state.bracket, state.rung, members)

    def tell(self, state: HalvingState, outcome: Outcome) -> HalvingState:
        """Enters the losses; a rung that is complete promotes its best."""
        sampler = self.sampler.tell(state.sampler, outcome)
        members = state.members.tell(outcome, self._rung(state).budget)
        state = HalvingState(sampler, state.bracket, state.rung, members)
        return state if self._places(state) else self._closed(state)

    def _closed(self, state: HalvingState) -> HalvingState:
        """If all trials that there are in a rung are told: what comes after it."""
        return self._promoted(state) if state.members.complete else state

    def _promoted(self, state: HalvingState) -> HalvingState:
        """The next rung with the best of this one, or the next bracket."""
        rungs, told = self.rungs(int(state.bracket)), state.members
        if state.rung + 1 < len(rungs):
            best = survivors(told.losses, told.constraints)
            best = best[: rungs[int(state.rung) + 1].size]
            if len(best):
                members = Cohort.of(told.x[best], told.trial[best])
                rung = np.asarray(state.rung + 1)
                return HalvingState(state.sampler, state.bracket, rung, members)
        return self._begin(state.sampler, int(state.bracket) + 1, told.x.shape[1])

    def _places(self, state: HalvingState) -> int:
        """How many new trials the current rung still takes."""
        return self._rung(state).size - len(state.members) if state.rung == 0 else 0

    def _rung(self, state: HalvingState) -> Rung:
        return self.rungs(int(state.bracket))[int(state.rung)]

    def _begin(self, sampler: Any, bracket: int, dim: int) -> HalvingState:
        nobody = Cohort.of(np.zeros((0, dim)), np.zeros(0, np.int64))
        return HalvingState(sampler, np.array(bracket), np.array(0), nobody)


def geometric(size: int, lowest: int, factor: int | float) -> tuple[Rung, ...]:
    """Rungs of `size`, `size / factor`, … trials at `factor**-lowest`, …, 1."""
    return tuple(
        Rung(max(1, int(size * factor**-i + 1e-9)), float(factor) ** (i - lowest))
        for i in range(lowest + 1)
    )


def hyperband_rungs(
    bracket: int, min_budget: int | float, factor: int | float
) -> tuple[Rung, ...]:
    """A bracket of Hyperband's Algorithm 1, counted from 0: s = s_max, …, 0."""
    s_max = depth(min_budget, factor)
    s = s_max - bracket % (s_max + 1)
    n = math.ceil((s_max + 1) / (s + 1) * factor**s - 1e-9)
    return geometric(n, s, factor)


def depth(min_budget: int | float, factor: int | float) -> int:
    """The largest s with `factor**-s >= min_budget`; checks both arguments."""
    if not 0 < min_budget <= 1:
        raise InvalidInput(
            "`min_budget` is a fraction of a full training and must lie in (0, 1], "
            f"but got {min_budget}."
        )
    if not factor > 1:
        raise InvalidInput(f"`factor` must be greater than 1, but got {factor}.")
    return int(-np.log(min_budget) / np.log(factor) + 1e-9)
