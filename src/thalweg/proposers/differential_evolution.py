"""Differential evolution: steps are differences of members; each child has one rival.

Storn & Price 1997, https://doi.org/10.1023/A:1008202821328
Mixed spaces by vectors that stay continuous, and the constants: Awad et al. 2021
(DEHB), section 3, https://arxiv.org/abs/2105.09821
"current_to_pbest1": Zhang & Sanderson 2009 (JADE), equation 6,
https://doi.org/10.1109/TEVC.2009.2014613
Departs from the papers: asynchronous; coordinates beyond the walls are reflected; a
child that is a configuration tried before is drawn again.
"""

from dataclasses import replace
from typing import ClassVar

import equinox as eqx
import numpy as np
from jaxtyping import Float64, Int64

from thalweg.core.errors import InvalidInput
from thalweg.core.registry import Registry
from thalweg.core.typing import Key
from thalweg.proposers.archive import Archive
from thalweg.proposers.base import AbstractProposer, Outcome, Proposal
from thalweg.proposers.distinct import draw
from thalweg.proposers.variation import reflected
from thalweg.spaces import Space, row_keys
from thalweg.surrogates import order

TRIES = 20  # children drawn before a uniform row is taken
PBEST = 0.2  # the share of members that count as best


def rand1(target: int, ranked: np.ndarray, rng: np.random.Generator) -> list[int]:
    """From a random member."""
    a, b, c = rng.choice(ranked[ranked != target], 3, replace=False)
    return [a, b, c, a, a]


def best1(target: int, ranked: np.ndarray, rng: np.random.Generator) -> list[int]:
    """From the best member: faster, and sooner stuck."""
    b, c = rng.choice(ranked[(ranked != target) & (ranked != ranked[0])], 2, False)
    return [ranked[0], b, c, target, target]


def pbest1(target: int, ranked: np.ndarray, rng: np.random.Generator) -> list[int]:
    """From the child's rival towards one of the best."""
    best = rng.choice(ranked[: max(1, round(PBEST * len(ranked)))])
    b, c = rng.choice(ranked[ranked != target], 2, replace=False)
    return [target, b, c, best, target]


# Members a, b, c, d, e of the mutant a + F (b - c) + F (d - e), by their places.
STRATEGIES = Registry(
    "strategy", {"rand1": rand1, "best1": best1, "current_to_pbest1": pbest1}
)


class DifferentialEvolutionState(eqx.Module):
    archive: Archive
    count: Int64[np.ndarray, ""]  # rows proposed
    vectors: Float64[np.ndarray, "p d"]  # the members, continuous throughout
    place: Int64[np.ndarray, " p"]  # where in the archive they were told; -1: nowhere
    draft_row: Float64[np.ndarray, "k d"]  # children that are pending,
    draft: Float64[np.ndarray, "k d"]  # their vectors,
    rival: Int64[np.ndarray, " k"]  # and the members that each may replace


class DifferentialEvolution(AbstractProposer[DifferentialEvolutionState]):
    """For numbers in moderately many dimensions and some hundred trials; no gradients.

    `strategy` (`STRATEGIES`) says where a child starts from, `factor` how far
    differences reach, and `crossover_rate` how many dimensions leave its rival's.
    """

    population: int = 10
    strategy: str = "best1"
    factor: float = 0.5  # F
    crossover_rate: float = 0.5  # CR

    rank_based: ClassVar[bool] = True
    multi_fidelity: ClassVar[bool] = False
    objectives: ClassVar[int | None] = None

    def __check_init__(self) -> None:
        assert STRATEGIES[self.strategy]
        if self.population < 4:
            raise InvalidInput(
                "`population` must be at least 4, two of which make a difference, but "
                f"got {self.population}."
            )
        if not 0 < self.factor <= 2:
            raise InvalidInput(f"`factor` must lie in (0, 2], but got {self.factor}.")
        if not 0 <= self.crossover_rate <= 1:
            raise InvalidInput(
                f"`crossover_rate` must lie in [0, 1], but got {self.crossover_rate}."
            )

    def init(self, space: Space, *, key: Key) -> DifferentialEvolutionState:
        """No members."""
        archive = Archive.empty(space, key=key)
        rows = archive.pending
        vectors = np.zeros((self.population, space.dim))
        nowhere = np.full(self.population, -1)
        return DifferentialEvolutionState(
            archive, np.array(0), vectors, nowhere, rows, rows, archive.trial
        )

    def propose(
        self, state: DifferentialEvolutionState, n: int, *, key: Key
    ) -> Proposal:
        """Uniform vectors at first, then children; the state alone settles them."""
        del key  # `expect` finds the vectors again
        vectors = self._drafts(state, n, None)
        return Proposal.fresh(state.archive.space.canonical(vectors))

    def expect(
        self, state: DifferentialEvolutionState, proposal: Proposal
    ) -> DifferentialEvolutionState:
        """Keeps the vectors of the rows, and whom they may replace."""
        n, count = len(proposal), int(state.count)
        drafts = self._drafts(state, n, proposal.x)
        rivals = np.arange(count, count + n) % self.population
        return replace(
            state,
            archive=state.archive.expect(proposal),
            count=np.array(count + n),
            draft_row=np.concatenate([state.draft_row, proposal.x]),
            draft=np.concatenate([state.draft, drafts]),
            rival=np.append(state.rival, rivals),
        )

    def tell(
        self, state: DifferentialEvolutionState, outcome: Outcome
    ) -> DifferentialEvolutionState:
        """Children that are no worse than their rivals take their places.

        What was not asked for takes the place of the worst, if it is no worse.
        """
        archive = state.archive.tell(outcome)
        vectors, place = state.vectors.copy(), state.place.copy()
        left = np.ones(len(state.rival), bool)
        keys = {key: i for i, key in enumerate(row_keys(state.draft_row))}
        for i, key in enumerate(row_keys(outcome.x)):
            new, draft = len(state.archive) + i, keys.pop(key, None)
            vector, rival = outcome.x[i], None
            if draft is not None:
                left[draft] = False
                vector, rival = state.draft[draft], int(state.rival[draft])
            rival = _loser(archive, place, new, rival)
            if rival is not None:
                vectors[rival], place[rival] = vector, new
        return DifferentialEvolutionState(
            archive,
            state.count,
            vectors,
            place,
            state.draft_row[left],
            state.draft[left],
            state.rival[left],
        )

    def _drafts(
        self,
        state: DifferentialEvolutionState,
        n: int,
        rows: Float64[np.ndarray, "n d"] | None,
    ) -> Float64[np.ndarray, "m d"]:
        """The next vectors; of given `rows`, those that are theirs, else the rows."""
        archive, space = state.archive, state.archive.space
        seen, drafts = archive.seen(), []
        members = np.flatnonzero(state.place >= 0)
        at = state.place[members]
        ranked = members[order(archive.losses[at], archive.constraints[at])]
        for j in range(n):
            number = int(state.count) + j
            rng = np.random.default_rng([int(archive.seed), number])
            found = self._draft(state, number, ranked, seen, rng)
            if rows is not None and (found is None or (found[1] != rows[j]).any()):
                found = rows[j], rows[j]
            if found is None:
                break
            vector, row = found
            seen.add(row.tobytes())
            drafts.append(vector)
        return np.reshape(drafts, (len(drafts), space.dim))

    def _draft(
        self,
        state: DifferentialEvolutionState,
        number: int,
        ranked: Int64[np.ndarray, " m"],
        seen: set[bytes],
        rng: np.random.Generator,
    ) -> tuple[Float64[np.ndarray, " d"], Float64[np.ndarray, " d"]] | None:
        """A vector and its row, which was not seen; None if there is none."""
        space, target = state.archive.space, number % self.population
        born = len(ranked) >= 4 and number >= self.population and target in ranked
        for _ in range(TRIES):
            vector = rng.random(space.dim)
            if born:
                chosen = STRATEGIES[self.strategy](target, ranked, rng)
                a, b, c, d, e = state.vectors[chosen]
                mutant = reflected(a + self.factor * (b - c) + self.factor * (d - e))
                cross = vector < self.crossover_rate
                cross |= np.arange(space.dim) == rng.integers(max(space.dim, 1))
                vector = np.where(cross, mutant, state.vectors[target])
            row = space.canonical(vector[None])[0]
            if row.tobytes() not in seen:
                return vector, row
        uniform = draw(space, 1, seen, lambda m: rng.random((m, space.dim)), rng)
        return (uniform[0], uniform[0]) if len(uniform) else None


def _loser(
    archive: Archive, place: Int64[np.ndarray, " p"], new: int, rival: int | None
) -> int | None:
    """The member whose place the outcome `new` takes: an empty one, or its rival's."""
    empty = np.flatnonzero(place < 0)
    if rival is None and len(empty):
        return int(empty[0])
    if rival is not None and place[rival] < 0:
        return rival
    members = np.flatnonzero(place >= 0)
    at = np.append(new, place[members])  # the new one first: it wins if they are equal
    ranks = np.argsort(order(archive.losses[at], archive.constraints[at]))
    if rival is None:
        rival = int(members[ranks[1:].argmax()])
    return rival if ranks[0] < ranks[1:][members == rival][0] else None
