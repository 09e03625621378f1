"""DEHB: Hyperband whose trials are bred by differential evolution, budget by budget.

Awad et al. 2021, "DEHB: Evolutionary Hyperband for Scalable, Robust and Efficient
Hyperparameter Optimization", section 3, https://arxiv.org/abs/2105.09821
Differential evolution (rand/1/bin): Storn & Price 1997,
https://doi.org/10.1023/A:1008202821328
Departs from the paper: a finite space is never evaluated twice at a configuration; the
promotions of the first bracket resume from their own weights.
"""

from dataclasses import replace
from typing import Any, ClassVar

import equinox as eqx
import numpy as np
from jaxtyping import Float64, Int64

from thalweg.core.errors import InvalidInput
from thalweg.core.typing import Key
from thalweg.proposers.archive import Archive
from thalweg.proposers.base import AbstractProposer, Outcome, Proposal
from thalweg.proposers.cohort import Cohort, survivors, widened
from thalweg.proposers.distinct import draw
from thalweg.proposers.halving import Rung, depth, hyperband_rungs
from thalweg.proposers.random import Random
from thalweg.spaces import Space

TRIES = 20  # matings before a row that nobody has is drawn instead
PARENTS = 3  # of a mutant


class Subpopulation(eqx.Module):
    """The individuals of one budget. Losses are NaN until they are evaluated."""

    x: Float64[np.ndarray, "p d"]
    losses: Float64[np.ndarray, "p m"]
    constraints: Float64[np.ndarray, "p c"]
    next: Int64[np.ndarray, ""]  # the individual that is challenged next

    def best(self, n: int) -> Float64[np.ndarray, "n d"]:
        """Up to `n` rows that were evaluated, the best first."""
        return self.x[survivors(self.losses, self.constraints)[:n]]

    def challenged(self, slot: Int64[np.ndarray, " n"], by: Cohort) -> "Subpopulation":
        """After selection: each of `by` takes its slot unless it is worse."""
        n, x = len(self.x), self.x.copy()
        losses = widened(self.losses, n, by.losses.shape[1])
        constraints = widened(self.constraints, n, by.constraints.shape[1])
        for i, j in enumerate(slot):
            both = np.stack([by.losses[i], losses[j]])
            limits = np.stack([by.constraints[i], constraints[j]])
            if survivors(both, limits)[:1].tolist() == [0]:
                x[j], losses[j], constraints[j] = by.x[i], both[0], limits[0]
        return Subpopulation(x, losses, constraints, np.asarray((slot[-1] + 1) % n))


class DEHBState(eqx.Module):
    sampler: Any  # the state of the proposer that draws the first trials
    archive: Archive
    bracket: Int64[np.ndarray, ""]
    rung: Int64[np.ndarray, ""]
    members: Cohort  # of the current rung
    slot: Int64[np.ndarray, " n"]  # which individual each of them challenges
    populations: tuple[Subpopulation, ...]  # by budget, the smallest first


class DEHB(AbstractProposer[DEHBState]):
    """Hyperband for long searches, also in many and discrete dimensions.

    The first bracket is successive halving. From then on every rung is bred from the
    best of the budget below it, so that each trial but those of the first bracket is
    trained from its beginning: where weights can be resumed, it costs a third more.
    """

    min_budget: int | float = 1 / 27  # fraction of a full training
    factor: int | float = 3
    scale: float = 0.5  # F: of the difference that is added
    crossover: float = 0.5  # CR: the part of a row that the mutant gives
    brackets: int | None = None  # exhausted after so many; None: goes on
    sampler: AbstractProposer[Any] = eqx.field(default_factory=Random)

    multi_fidelity: ClassVar[bool] = True

    @property
    def rank_based(self) -> bool:  # type: ignore[override]
        """As the sampler is."""
        return self.sampler.rank_based

    @property
    def objectives(self) -> int | None:  # type: ignore[override]
        """As many as the sampler can take."""
        return self.sampler.objectives

    def __check_init__(self) -> None:
        depth(self.min_budget, self.factor)
        if not 0 < self.scale <= 2:
            raise InvalidInput(f"`scale` must lie in (0, 2], but got {self.scale}.")
        if not 0 <= self.crossover <= 1:
            raise InvalidInput(
                f"`crossover` is a probability in [0, 1], but got {self.crossover}."
            )

    def rungs(self, bracket: int) -> tuple[Rung, ...]:
        """Hyperband's."""
        return hyperband_rungs(bracket, self.min_budget, self.factor)

    def init(self, space: Space, *, key: Key) -> DEHBState:
        """Individuals that nobody has evaluated."""
        archive = Archive.empty(space, key=key)
        rng = np.random.default_rng(int(archive.seed))
        populations = []
        for k in range(depth(self.min_budget, self.factor) + 1):
            size = self.rungs(k)[0].size  # no other bracket has more at this budget
            x = space.canonical(rng.random((size, space.dim)))
            none = np.zeros((size, 0))
            populations.append(Subpopulation(x, none, none, np.array(0)))
        return DEHBState(
            self.sampler.init(space, key=key),
            archive,
            np.array(0),
            np.array(0),
            _nobody(space.dim),
            np.zeros(0, np.int64),
            tuple(populations),
        )

    def propose(self, state: DEHBState, n: int, *, key: Key) -> Proposal:
        """Random trials in the very first rung, then what waits in the current one."""
        if self.brackets is not None and state.bracket >= self.brackets:
            return Proposal.fresh(state.members.x[:0])
        places = self._places(state)
        if places:
            new = self.sampler.propose(state.sampler, min(n, places), key=key)
            if len(new):
                return Proposal.fresh(new.x, self._rung(state).budget)
            state = self._closed(state)  # the sampler has no more: go on with fewer
        return state.members.waiting(n, self._rung(state).budget)

    def expect(self, state: DEHBState, proposal: Proposal) -> DEHBState:
        """Marks them as asked, and enters new trials in the first rung."""
        if not len(proposal):
            return state
        sampler = state.sampler
        if self._places(state):
            if (proposal.parent < 0).any():
                sampler = self.sampler.expect(sampler, proposal)
            else:
                state = self._closed(state)
        members = state.members.expect(proposal)
        slot = (
            state.slot if len(members) == len(state.slot) else np.arange(len(members))
        )
        archive = state.archive.expect(proposal)
        return replace(
            state, sampler=sampler, archive=archive, members=members, slot=slot
        )

    def tell(self, state: DEHBState, outcome: Outcome) -> DEHBState:
        """Enters the losses; a rung that is complete is selected from and bred on."""
        state = replace(
            state,
            sampler=self.sampler.tell(state.sampler, outcome),
            archive=state.archive.tell(outcome),
            members=state.members.tell(outcome, self._rung(state).budget),
        )
        return state if self._places(state) else self._closed(state)

    def _rung(self, state: DEHBState) -> Rung:
        return self.rungs(int(state.bracket))[int(state.rung)]

    def _places(self, state: DEHBState) -> int:
        """How many random trials the very first rung still takes."""
        first = state.bracket == 0 and state.rung == 0
        return self._rung(state).size - len(state.members) if first else 0

    def _closed(self, state: DEHBState) -> DEHBState:
        """If all of a rung are told: selection, and the rung after it."""
        told = state.members
        if not told.complete:
            return state
        k = self._level(state)
        populations = list(state.populations)
        populations[k] = populations[k].challenged(state.slot, told)
        rung, bracket = int(state.rung) + 1, int(state.bracket)
        if rung == len(self.rungs(bracket)):
            rung, bracket = 0, bracket + 1
        state = replace(
            state,
            bracket=np.array(bracket),
            rung=np.array(rung),
            populations=tuple(populations),
        )
        if bracket == 0:
            best = survivors(told.losses, told.constraints)[: self._rung(state).size]
            members = Cohort.of(told.x[best], told.trial[best])
            if len(best):
                return replace(state, members=members, slot=np.arange(len(best)))
            state = replace(state, bracket=np.array(1), rung=np.array(0))
        return self._bred(state)

    def _level(self, state: DEHBState) -> int:
        """The number of the current budget, from the smallest."""
        rungs = self.rungs(int(state.bracket))
        return len(state.populations) - len(rungs) + int(state.rung)

    def _bred(self, state: DEHBState) -> DEHBState:
        """A rung of mutants, each crossed with the individual that it challenges."""
        space, size, k = state.archive.space, self._rung(state).size, self._level(state)
        own = state.populations[k]
        seed = [int(state.archive.seed), int(state.bracket), int(state.rung)]
        rng = np.random.default_rng(seed)
        pool = state.populations[k - 1].best(size) if state.rung else own.x
        if len(pool) < PARENTS:
            pool = np.concatenate([p.x for p in state.populations])
        seen = state.archive.seen()
        slot = (int(own.next) + np.arange(size)) % len(own.x)
        rows = []
        for target in own.x[slot]:
            row = self._offspring(space, pool, target, seen, rng)
            if not len(row):
                break  # a finite space that is exhausted
            seen.add(row.tobytes())
            rows.append(row)
        x = np.concatenate([own.x[:0], *rows])
        members = Cohort.of(x, np.full(len(x), -1))
        return replace(state, members=members, slot=slot[: len(x)])

    def _offspring(
        self,
        space: Space,
        pool: Float64[np.ndarray, "m d"],
        target: Float64[np.ndarray, " d"],
        seen: set[bytes],
        rng: np.random.Generator,
    ) -> Float64[np.ndarray, "1 d"]:
        """rand/1/bin: a row that was not seen; none if the space holds no more."""
        for _ in range(TRIES):
            a, b, c = pool[rng.choice(len(pool), PARENTS, replace=len(pool) < PARENTS)]
            mutant = a + self.scale * (b - c)
            # what left the cube is drawn anew
            outside = (mutant < 0) | (mutant > 1)
            mutant = np.where(outside, rng.random(len(mutant)), mutant)
            given = rng.random(len(mutant)) < self.crossover
            if len(mutant):
                given[rng.integers(len(mutant))] = True
            row = space.canonical(np.where(given, mutant, target)[None])
            if row.tobytes() not in seen:
                return row
        return draw(space, 1, seen, lambda m: rng.random((m, space.dim)), rng)


def _nobody(dim: int) -> Cohort:
    return Cohort.of(np.zeros((0, dim)), np.zeros(0, np.int64))
