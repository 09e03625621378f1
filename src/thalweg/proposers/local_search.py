"""Local search: move to a better neighbour until there is none, then start elsewhere.

For architectures: White, Nolen & Savani 2021, "Exploring the Loss Landscape in Neural
Architecture Search", Algorithm 1, https://arxiv.org/abs/2005.02960
Departs from the paper: numbers have neighbours at several distances, tried from far to
near; neighbours tried before are not paid again; a batch that is larger than what is
left of a neighbourhood goes on with those of the next best configurations.
"""

from dataclasses import replace
from typing import ClassVar, Literal

import equinox as eqx
import numpy as np
from jaxtyping import Float64, Int64

from thalweg.core.errors import InvalidInput
from thalweg.core.rng import generator
from thalweg.core.typing import Key
from thalweg.proposers.archive import Archive
from thalweg.proposers.base import AbstractProposer, Outcome, Proposal
from thalweg.proposers.distinct import draw
from thalweg.proposers.sobol import sequence
from thalweg.proposers.variation import neighbours
from thalweg.spaces import Space, first_unseen, row_keys
from thalweg.surrogates import order


class LocalSearchState(eqx.Module):
    archive: Archive
    walk: Int64[np.ndarray, " k"]  # where it has stood since its start, in the archive
    starts: Float64[np.ndarray, "m d"]  # from the best of which the next walk begins


class LocalSearch(AbstractProposer[LocalSearchState]):
    """For spaces of choices and ordered values, where few changes lead to the best.

    Each walk begins at the best of `starts` points of a Sobol sequence. "first" moves
    to the first neighbour that is better, "steepest" to the best of all neighbours
    (of the coarsest kind that has a better one). On a plateau it goes on to neighbours
    that are as good and were not visited.
    """

    improvement: Literal["first", "steepest"] = "first"
    starts: int = 10

    rank_based: ClassVar[bool] = True
    multi_fidelity: ClassVar[bool] = False
    objectives: ClassVar[int | None] = None

    def __check_init__(self) -> None:
        if self.improvement not in ("first", "steepest"):
            raise InvalidInput(
                '`improvement` must be "first" or "steepest", but got '
                f"{self.improvement!r}."
            )
        if self.starts < 1:
            raise InvalidInput(f"`starts` must be at least 1, but got {self.starts}.")

    def init(self, space: Space, *, key: Key) -> LocalSearchState:
        """Before the first walk."""
        archive = Archive.empty(space, key=key)
        return LocalSearchState(archive, np.zeros(0, np.int64), archive.pending)

    def propose(self, state: LocalSearchState, n: int, *, key: Key) -> Proposal:
        """Neighbours that were not tried, or new starts."""
        archive, rng = state.archive, generator(key)
        seen = archive.seen()
        x = archive.x[:0]
        if len(state.walk) and not _proved(state):
            for place in self._around(state):
                near, stage = neighbours(archive.space, archive.x[place])
                new = np.flatnonzero(first_unseen(near, seen))
                mixed = np.lexsort((rng.random(len(new)), stage[new]))
                near = near[new[mixed]][: n - len(x)]
                x = np.concatenate([x, near])
                seen.update(row_keys(near))
                if len(x) == n:
                    break
        count = len(archive) + len(archive.pending)
        sample = sequence(archive.space.dim, int(archive.seed), count)
        rest = draw(archive.space, n - len(x), seen, sample, rng)
        return Proposal.fresh(np.concatenate([x, rest]))

    def expect(self, state: LocalSearchState, proposal: Proposal) -> LocalSearchState:
        """Waits for them; if the walk has ended, they are the starts of the next."""
        if len(state.walk) and _proved(state):
            state = replace(state, walk=state.walk[:0], starts=state.starts[:0])
        starts = state.starts
        if not len(state.walk):
            starts = np.concatenate([starts, proposal.x])
        return LocalSearchState(state.archive.expect(proposal), state.walk, starts)

    def tell(self, state: LocalSearchState, outcome: Outcome) -> LocalSearchState:
        """Begins a walk, or moves as far as what was told allows."""
        archive, walk, starts = state.archive.tell(outcome), state.walk, state.starts
        place = {key: i for i, key in enumerate(row_keys(archive.x))}
        strange = first_unseen(outcome.x, set(row_keys(state.archive.pending)))
        new = len(state.archive) + np.flatnonzero(strange)
        if not len(walk):
            starts = np.concatenate([starts, outcome.x[strange]])
            told = [place[key] for key in row_keys(starts) if key in place]
            if len(told) >= min(self.starts, archive.space.size):
                walk = np.array([_best(archive, told)])
        while len(walk):
            further = self._next(archive, walk, new, place)
            if further is None:
                break
            walk = np.append(walk, further)
        return LocalSearchState(archive, walk, starts)

    def _next(
        self,
        archive: Archive,
        walk: Int64[np.ndarray, " k"],
        new: Int64[np.ndarray, " m"],
        place: dict[bytes, int],
    ) -> int | None:
        """Where to move, or None if nothing better is known."""
        here = int(walk[-1])
        near, stage = neighbours(archive.space, archive.x[here])
        at = np.array([place.get(key, -1) for key in row_keys(near)], np.int64)
        untold = stage[at < 0].min(initial=stage.max(initial=0) + 1)
        known = at >= 0
        groups = [at[known]]
        if self.improvement == "steepest":
            groups = [at[stage <= level] for level in range(untold)]
        for group in [*groups, new]:
            best = _best(archive, [here, *group])
            if best not in walk:
                return best
        if known.all():
            for other in np.setdiff1d(at, walk).tolist():
                if _as_good(archive, here, other):
                    return other
        return None

    def _around(self, state: LocalSearchState) -> list[int]:
        """Whose neighbours to try: where the walk stands, then the best."""
        archive, here = state.archive, int(state.walk[-1])
        best = order(archive.losses, archive.constraints)
        return [here, *best[best != here].tolist()]


def _best(archive: Archive, places: list[int]) -> int:
    """The best of them; among equal ones the first."""
    rows = np.array(places)
    return int(rows[order(archive.losses[rows], archive.constraints[rows])[0]])


def _as_good(archive: Archive, a: int, b: int) -> bool:
    return np.array_equal(
        archive.losses[a], archive.losses[b], equal_nan=True
    ) and np.array_equal(archive.constraints[a], archive.constraints[b], equal_nan=True)


def _proved(state: LocalSearchState) -> bool:
    """All neighbours of where the walk stands are told, and it stands there."""
    near, _ = neighbours(state.archive.space, state.archive.x[state.walk[-1]])
    return set(row_keys(near)) <= set(row_keys(state.archive.x))
