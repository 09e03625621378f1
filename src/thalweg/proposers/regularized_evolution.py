"""Regularized evolution: mutate the best of a few of the youngest; the old ones die.

Real et al. 2019, Algorithm 1, https://arxiv.org/abs/1802.01548
Departs from the paper: asynchronous (a child may be asked for before others are told);
a child that was tried before is mutated further; smaller populations, for searches of
tens and hundreds of trials.
"""

from typing import ClassVar

import numpy as np
from jaxtyping import Int64

from thalweg.core.errors import InvalidInput
from thalweg.core.rng import generator
from thalweg.core.typing import Key
from thalweg.proposers.archive import Archive
from thalweg.proposers.base import AbstractProposer, Outcome, Proposal
from thalweg.proposers.distinct import draw
from thalweg.proposers.variation import MUTATIONS, mutated
from thalweg.spaces import Space, row_keys
from thalweg.surrogates import order


class RegularizedEvolution(AbstractProposer[Archive]):
    """For architectures and other spaces of choices; stands noise, as nothing lives on.

    The first `population` configurations are uniform. Then each child comes from the
    best of `tournament` random ones of the `population` told last, with one dimension
    changed; `mutation` (see `variation.MUTATIONS`) is how numbers change.
    """

    population: int = 15
    tournament: int = 15
    mutation: str = "scales"

    rank_based: ClassVar[bool] = True
    multi_fidelity: ClassVar[bool] = False
    objectives: ClassVar[int | None] = None

    def __check_init__(self) -> None:
        if not 1 <= self.tournament <= self.population:
            raise InvalidInput(
                "`1 <= tournament <= population` must hold, but got tournament="
                f"{self.tournament}, population={self.population}."
            )
        assert MUTATIONS[self.mutation]

    def init(self, space: Space, *, key: Key) -> Archive:
        """Nobody lives."""
        return Archive.empty(space, key=key)

    def propose(self, state: Archive, n: int, *, key: Key) -> Proposal:
        """Uniform rows at first, then children."""
        space, rng = state.space, generator(key)
        count = n
        if len(state):
            count = min(n, max(0, self.population - len(state) - len(state.pending)))
        seen = state.seen()
        x = draw(space, count, seen, lambda m: rng.random((m, space.dim)), rng)
        if count < n:
            seen.update(row_keys(x))
            place = self.ranked(state)
            changes = 0

            def children(m: int) -> np.ndarray:
                nonlocal changes
                changes += 1
                drawn = rng.integers(len(place), size=(m, self.tournament))
                rows = state.x[place[drawn.min(1)]]
                for _ in range(changes):
                    rows = mutated(space, rows, rng, kind=self.mutation)
                return rows

            x = np.concatenate([x, draw(space, n - count, seen, children, rng)])
        return Proposal.fresh(x)

    def expect(self, state: Archive, proposal: Proposal) -> Archive:
        """Waits for them."""
        return state.expect(proposal)

    def tell(self, state: Archive, outcome: Outcome) -> Archive:
        """The youngest, wherever they come from; the oldest die."""
        return state.tell(outcome)

    def ranked(self, state: Archive) -> Int64[np.ndarray, " p"]:
        """The places of the living in the archive, the best first."""
        young = np.arange(len(state))[-self.population :]
        return young[order(state.losses[young], state.constraints[young])]
