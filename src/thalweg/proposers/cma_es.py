"""CMA-ES: a normal distribution that learns the loss's shape; restarts; mixed spaces.

Active update: Hansen 2016, Appendix A, https://arxiv.org/abs/1604.00772
Restarts: Auger & Hansen 2005 (IPOP), https://doi.org/10.1109/CEC.2005.1554902;
Hansen 2009 (BIPOP), https://doi.org/10.1145/1570256.1570333
Discrete numbers: Hamano et al. 2022 (the margin, equations 10 to 20),
https://arxiv.org/abs/2205.13482; choices: shares learned as in CatCMA with margin
(Hamano et al. 2024 and 2025, https://arxiv.org/abs/2405.09962).
Points of elsewhere: Hansen 2011, https://arxiv.org/abs/1110.4181
Departs from the papers: asynchronous (a generation is full when as many outcomes came
as one has, late ones among them); the shares have a constant rate; stopping rules see
ranks and steps only.
"""

import math
from dataclasses import replace
from functools import partial
from typing import ClassVar, Literal

import equinox as eqx
import numpy as np
from jaxtyping import Float64, Int64

from thalweg.core.errors import InvalidInput
from thalweg.core.typing import Key
from thalweg.proposers.archive import Archive
from thalweg.proposers.base import AbstractProposer, Outcome, Proposal
from thalweg.proposers.distinct import draw
from thalweg.proposers.normal import Distribution
from thalweg.spaces import Space, row_keys
from thalweg.surrogates import one_thread, order

TRIES = 20  # rows drawn before a uniform one is taken
SIGMA = 0.3  # the first step size
SMALLEST = 1e-8  # steps at which a run has ended


class CMAESState(eqx.Module):
    archive: Archive
    count: Int64[np.ndarray, ""]  # rows proposed
    now: Distribution
    goal: Int64[np.ndarray, ""]  # outcomes that fill the current generation
    pool: Float64[np.ndarray, "k d"]  # the points of those that came,
    place: Int64[np.ndarray, " k"]  # and where they are in the archive
    draft_row: Float64[np.ndarray, "m d"]  # rows that are pending,
    draft: Float64[np.ndarray, "m d"]  # their points,
    draft_run: Int64[np.ndarray, " m"]  # and the runs that they are of
    run: Int64[np.ndarray, ""]  # restarts so far
    size: Int64[np.ndarray, ""]  # outcomes in a generation of this run
    doubled: Int64[np.ndarray, ""]  # times that large runs' generations were doubled
    spent: Int64[np.ndarray, " 2"]  # outcomes of large and of small runs
    small: Int64[np.ndarray, ""]  # 1 in a run of small generations
    best: Int64[np.ndarray, ""]  # this run's best in the archive; -1: none
    stale: Int64[np.ndarray, ""]  # generations since it changed


class CMAES(AbstractProposer[CMAESState]):
    """For numbers in up to some hundred dimensions, badly scaled or correlated.

    Wants a few hundred trials at least; a generation's trials may all run at once.
    Begins in the middle. A run that has ended is followed by one from a random point
    with generations twice as large ("ipop"), by those and small ones in turn ("bipop"),
    or goes on ("none"). Choices have a share for each value, which are learned.
    """

    population: int | None = None  # of the first run; None: 4 + 3 ln d
    restarts: Literal["bipop", "ipop", "none"] = "bipop"

    rank_based: ClassVar[bool] = True
    multi_fidelity: ClassVar[bool] = False
    objectives: ClassVar[int | None] = None

    def __check_init__(self) -> None:
        if self.population is not None and self.population < 4:
            raise InvalidInput(
                f"`population` must be at least 4, but got {self.population}."
            )
        if self.restarts not in ("bipop", "ipop", "none"):
            raise InvalidInput(
                '`restarts` must be "bipop", "ipop" or "none", but got '
                f"{self.restarts!r}."
            )

    def init(self, space: Space, *, key: Key) -> CMAESState:
        """The first run, around the middle."""
        archive = Archive.empty(space, key=key)
        rows, numbers, zero = archive.pending, archive.trial, np.array(0)
        now = Distribution.around(space, np.full(space.dim, 0.5), SIGMA)
        size = np.array(self._first(space))
        return CMAESState(
            archive, zero, now, size, rows, numbers, rows, rows, numbers, zero, size,
            zero, np.zeros(2, np.int64), zero, np.array(-1), zero,
        )  # fmt: skip

    def propose(self, state: CMAESState, n: int, *, key: Key) -> Proposal:
        """Draws from the distribution; the state alone settles them."""
        del key  # `expect` finds the points again
        points = self._drafts(state, n, None)
        return Proposal.fresh(state.archive.space.canonical(points))

    def expect(self, state: CMAESState, proposal: Proposal) -> CMAESState:
        """Keeps the points of the rows, which say more where rows are discrete."""
        n = len(proposal)
        drafts = self._drafts(state, n, proposal.x)
        return replace(
            state,
            archive=state.archive.expect(proposal),
            count=np.asarray(state.count + n),
            goal=np.asarray(np.maximum(state.goal, n)),
            draft_row=np.concatenate([state.draft_row, proposal.x]),
            draft=np.concatenate([state.draft, drafts]),
            draft_run=np.append(state.draft_run, np.full(n, state.run)),
        )

    def tell(self, state: CMAESState, outcome: Outcome) -> CMAESState:
        """Moves the distribution when a generation is full.

        What was not asked for counts like a point of the generation.
        """
        archive = state.archive.tell(outcome)
        keys = {key: i for i, key in enumerate(row_keys(state.draft_row))}
        left, points, places = np.ones(len(keys), bool), [], []
        for i, key in enumerate(row_keys(outcome.x)):
            draft = keys.pop(key, None)
            if draft is not None:
                left[draft] = False
                if state.draft_run[draft] != state.run:
                    continue  # of a run that has ended
            points.append(outcome.x[i] if draft is None else state.draft[draft])
            places.append(len(state.archive) + i)
        new = np.reshape(points, (len(points), archive.space.dim))
        state = replace(
            state,
            archive=archive,
            pool=np.concatenate([state.pool, new]),
            place=np.append(state.place, np.array(places, np.int64)),
            draft_row=state.draft_row[left],
            draft=state.draft[left],
            draft_run=state.draft_run[left],
        )
        return self._moved(state) if len(state.place) >= state.goal else state

    def _moved(self, state: CMAESState) -> CMAESState:
        """After a full generation: the next distribution, or the next run's first."""
        archive, best = state.archive, int(state.best)
        at = state.place
        ranks = order(archive.losses[at], archive.constraints[at])
        now = state.now
        if np.isfinite(archive.losses[at]).all(1).any():
            with one_thread():
                now = now.moved(archive.space, state.pool[ranks])
        rivals = np.append(best, at) if best >= 0 else at
        first = order(archive.losses[rivals], archive.constraints[rivals])[0]
        stale = 0 if rivals[first] != best else int(state.stale) + 1
        spent = state.spent.copy()
        spent[int(state.small)] += len(at)
        state = replace(
            state,
            now=now,
            goal=state.size,
            pool=state.pool[:0],
            place=at[:0],
            best=np.array(rivals[first]),
            stale=np.array(stale),
            spent=spent,
        )
        patience = 10 + math.ceil(30 * archive.space.dim / int(state.size))
        ended = stale > patience or now.narrow(SMALLEST)
        return self._restarted(state) if ended and self.restarts != "none" else state

    def _restarted(self, state: CMAESState) -> CMAESState:
        """A run of larger generations, or of small ones and steps."""
        space, run = state.archive.space, int(state.run) + 1
        rng = np.random.default_rng([int(state.archive.seed), run, 1])
        first = self._first(space)
        small = self.restarts == "bipop" and state.spent[1] < state.spent[0]
        doubled, sigma = int(state.doubled) + (not small), SIGMA
        size = first * 2**doubled
        if small:
            q = rng.random()
            size = int(first * max(0.5 * 2.0**doubled, 1.0) ** (q * q))
            sigma = SIGMA * 10 ** (-2 * rng.random())
        return replace(
            state,
            now=Distribution.around(space, rng.random(space.dim), sigma),
            goal=np.array(size),
            run=np.array(run),
            size=np.array(size),
            doubled=np.array(doubled),
            small=np.array(int(small)),
            best=np.array(-1),
            stale=np.array(0),
        )

    def _first(self, space: Space) -> int:
        return self.population or 4 + int(3 * math.log(max(space.dim, 1)))

    def _drafts(
        self, state: CMAESState, n: int, rows: Float64[np.ndarray, "n d"] | None
    ) -> Float64[np.ndarray, "m d"]:
        """The next points; of given `rows`, those that are theirs, else the rows."""
        space, seen, drafts = state.archive.space, state.archive.seen(), []
        for j in range(n):
            rng = np.random.default_rng([int(state.archive.seed), int(state.count) + j])
            for tries in (1, TRIES):
                points = state.now.sample(space, tries, rng)
                drawn = space.canonical(points)
                new = [i for i, key in enumerate(row_keys(drawn)) if key not in seen]
                if new:
                    point, row = points[new[0]], drawn[new[0]]
                    break
            else:
                rest = draw(space, 1, seen, partial(_uniform, space, rng), rng)
                if not len(rest) and rows is None:
                    break
                point = row = rest[0] if len(rest) else np.full(space.dim, 0.5)
            if rows is not None and (row != rows[j]).any():
                point = row = rows[j]
            seen.add(row.tobytes())
            drafts.append(point)
        return np.reshape(drafts, (len(drafts), space.dim))


def _uniform(
    space: Space, rng: np.random.Generator, m: int
) -> Float64[np.ndarray, "m d"]:
    return rng.random((m, space.dim))
