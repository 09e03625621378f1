"""Brackets of rungs: what successive halving and Hyperband share.

A bracket trains many new trials briefly (its first rung), then resumes the best of them
up to the next rung's budget, until the few of the last rung are trained in full.
"""

from abc import abstractmethod
from typing import Any, ClassVar

import equinox as eqx
import numpy as np
from jaxtyping import Float64, Int64

from thalweg.core.errors import InvalidInput
from thalweg.core.typing import Key
from thalweg.proposers.base import AbstractProposer, Outcome, Proposal
from thalweg.spaces import Space

WAITING, ASKED, TOLD = 0, 1, 2


class Rung(eqx.Module):
    """`size` trials are trained up to `budget`."""

    size: int
    budget: float  # fraction of a full training, counted from the trial's beginning


class HalvingState(eqx.Module):
    sampler: Any  # the state of the proposer that draws new configurations
    bracket: Int64[np.ndarray, ""]
    rung: Int64[np.ndarray, ""]
    x: Float64[np.ndarray, "n d"]  # the members of the current rung
    trial: Int64[np.ndarray, " n"]  # their trial numbers; -1 until they are told
    status: Int64[np.ndarray, " n"]  # WAITING to be asked, ASKED, or TOLD
    losses: Float64[np.ndarray, "n m"]  # on this rung; NaN until told, 0 columns before
    constraints: Float64[np.ndarray, "n c"]  # likewise


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
        nothing = Proposal.fresh(np.zeros((0, state.x.shape[1])))
        if self.brackets is not None and state.bracket >= self.brackets:
            return nothing
        places = self._places(state)
        if places:
            new = self.sampler.propose(state.sampler, min(n, places), key=key)
            if len(new):
                return Proposal.fresh(new.x, self._rung(state).budget)
            state = self._closed(state)  # the sampler has no more: go on with fewer
        rows = np.flatnonzero(state.status == WAITING)[:n]
        budget = np.full(len(rows), self._rung(state).budget)
        return Proposal(state.x[rows], state.trial[rows], budget)

    def expect(self, state: HalvingState, proposal: Proposal) -> HalvingState:
        """Marks survivors as asked, and enters new trials in the first rung."""
        if not len(proposal):
            return state
        if (proposal.parent >= 0).any():
            if self._places(state):
                state = self._closed(state)
            asked = np.isin(state.trial, proposal.parent) & (state.status == WAITING)
            status = np.where(asked, ASKED, state.status)
            return eqx.tree_at(lambda s: s.status, state, status)
        n = len(proposal)
        return HalvingState(
            self.sampler.expect(state.sampler, proposal),
            state.bracket,
            state.rung,
            np.concatenate([state.x, proposal.x]),
            np.append(state.trial, np.full(n, -1)),
            np.append(state.status, np.full(n, ASKED)),
            _widened(state.losses, len(state.status) + n),
            _widened(state.constraints, len(state.status) + n),
        )

    def tell(self, state: HalvingState, outcome: Outcome) -> HalvingState:
        """Enters the losses; a rung that is complete promotes its best."""
        trial, status = state.trial.copy(), state.status.copy()
        losses = _widened(state.losses, len(status), outcome.losses.shape[1])
        constraints = _widened(
            state.constraints, len(status), outcome.constraints.shape[1]
        )
        budget = self._rung(state).budget
        for i in range(len(outcome)):
            place = status == ASKED
            if state.rung == 0:
                place &= (state.x == outcome.x[i]).all(1) & (outcome.parent[i] < 0)
            else:
                place &= trial == outcome.parent[i]
            if place.any() and outcome.budget[i] == budget:
                j = int(np.argmax(place))
                trial[j], status[j] = outcome.trial[i], TOLD
                losses[j], constraints[j] = outcome.losses[i], outcome.constraints[i]
        state = HalvingState(
            self.sampler.tell(state.sampler, outcome),
            state.bracket,
            state.rung,
            state.x,
            trial,
            status,
            losses,
            constraints,
        )
        complete = len(status) > 0 and (status == TOLD).all()
        return self._promoted(state) if complete and not self._places(state) else state

    def _promoted(self, state: HalvingState) -> HalvingState:
        """The next rung with the best of this one, or the next bracket."""
        rungs = self.rungs(int(state.bracket))
        if state.rung + 1 < len(rungs):
            best = survivors(state.losses, state.constraints)
            best = best[: rungs[int(state.rung) + 1].size]
            if len(best):
                return HalvingState(
                    state.sampler,
                    state.bracket,
                    np.asarray(state.rung + 1),
                    state.x[best],
                    state.trial[best],
                    np.full(len(best), WAITING),
                    np.full((len(best), state.losses.shape[1]), np.nan),
                    np.full((len(best), state.constraints.shape[1]), np.nan),
                )
        return self._begin(state.sampler, int(state.bracket) + 1, state.x.shape[1])

    def _closed(self, state: HalvingState) -> HalvingState:
        """With a first rung of as many trials as there are, if all are told."""
        if len(state.status) and (state.status == TOLD).all():
            return self._promoted(state)
        return state

    def _places(self, state: HalvingState) -> int:
        """How many new trials the current rung still takes."""
        return self._rung(state).size - len(state.trial) if state.rung == 0 else 0

    def _rung(self, state: HalvingState) -> Rung:
        return self.rungs(int(state.bracket))[int(state.rung)]

    def _begin(self, sampler: Any, bracket: int, dim: int) -> HalvingState:
        none, empty = np.zeros(0, np.int64), np.zeros((0, 0))
        return HalvingState(
            sampler,
            np.array(bracket),
            np.array(0),
            np.zeros((0, dim)),
            none,
            none,
            empty,
            empty,
        )


def survivors(
    losses: Float64[np.ndarray, "n m"], constraints: Float64[np.ndarray, "n c"]
) -> Int64[np.ndarray, " k"]:
    """The rows that may be resumed, the best first: all but those that failed."""
    from thalweg.surrogates import order

    best = order(losses, constraints)
    return best[np.isfinite(losses[best]).all(1)]


def _widened(
    rows: Float64[np.ndarray, "k m"], n: int, columns: int | None = None
) -> Float64[np.ndarray, "n m"]:
    """A copy with NaN in new rows, and in the columns of what was told first."""
    wide = np.full((n, rows.shape[1] if columns is None else columns), np.nan)
    if rows.shape[1]:
        wide[: len(rows)] = rows
    return wide


def geometric(size: int, lowest: int, factor: int | float) -> tuple[Rung, ...]:
    """Rungs of `size`, `size / factor`, … trials at `factor**-lowest`, …, 1."""
    return tuple(
        Rung(max(1, int(size * factor**-i + 1e-9)), float(factor) ** (i - lowest))
        for i in range(lowest + 1)
    )


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
