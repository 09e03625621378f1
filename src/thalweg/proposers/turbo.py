"""TuRBO: Bayesian optimization in a box that follows the best configuration.

Eriksson et al. 2019, Algorithm 1 and section 2 (TuRBO-1), https://arxiv.org/abs/1910.01739
Constraints: Eriksson & Poloczek 2021 (SCBO), https://arxiv.org/abs/2002.08526
Departs from the papers: a failure is an outcome, not a batch, without improvement, so
that outcomes may come one by one; choices, which no box holds, are perturbed with the
same probability as other dimensions and not bounded.
"""

from dataclasses import replace
from typing import ClassVar

import equinox as eqx
import numpy as np
from jaxtyping import Bool, Float64, Int64

from thalweg.core.errors import InvalidInput
from thalweg.core.rng import generator
from thalweg.core.typing import Key
from thalweg.proposers.archive import Archive
from thalweg.proposers.base import AbstractProposer, Outcome, Proposal
from thalweg.proposers.distinct import draw
from thalweg.proposers.modelled import at_level
from thalweg.proposers.modelling import Models, build
from thalweg.proposers.sobol import sequence
from thalweg.spaces import Space, first_unseen, row_keys
from thalweg.surrogates.pareto import violations

FIRST, SHORTEST, LONGEST = 0.8, 0.5**7, 1.6  # sides of the box
WINS = 3  # improvements in a row that double the sides
MARGIN = 1e-3  # of the best loss's size, by which an improvement is better
MOVED = 20  # dimensions of a candidate that differ from the best, on average, at most
MOST = 300  # observations that the model sees
CANDIDATES = (2000, 5000)  # 100 per dimension, within these bounds


class TurboState(eqx.Module):
    archive: Archive
    region: Int64[np.ndarray, ""]  # boxes that were given up before
    member: Int64[np.ndarray, " n"]  # the region of each outcome
    late: Float64[np.ndarray, "k d"]  # pending when the present region began
    length: Float64[np.ndarray, ""]
    wins: Int64[np.ndarray, ""]
    failures: Int64[np.ndarray, ""]
    best: Float64[np.ndarray, " 2"]  # violation and loss, the lowest of the region


class TrustRegion(AbstractProposer[TurboState]):
    """For many dimensions (20 to some hundred) and many trials (hundreds to thousands).

    A box around the best configuration grows while trials improve on it, shrinks after
    as many failures as there are dimensions, and is given up for a new one elsewhere
    when it is tiny. Within the box a Gaussian process is searched by Thompson sampling.
    Each region begins with `initial` spread points (default: twice the number of
    dimensions, between 5 and 50).
    """

    initial: int | None = None

    rank_based: ClassVar[bool] = False
    multi_fidelity: ClassVar[bool] = False

    def __check_init__(self) -> None:
        if self.initial is not None and self.initial < 2:
            raise InvalidInput(f"`initial` must be at least 2, but got {self.initial}.")

    def init(self, space: Space, *, key: Key) -> TurboState:
        """The first region, empty."""
        none = np.zeros(0, np.int64)
        return _begun(Archive.empty(space, key=key), none, np.array(0))

    def propose(self, state: TurboState, n: int, *, key: Key) -> Proposal:
        """Spread points at first, then the best of functions drawn in the box."""
        archive, rng = state.archive, generator(key)
        space, seen = archive.space, archive.seen()
        inside = state.member == state.region
        waiting = len(archive.pending) - len(state.late)
        marks = at_level(archive.budget, archive.losses.sum(1), self._initial(space))
        marks &= inside
        count = min(n, max(0, self._initial(space) - inside.sum() - max(0, waiting)))
        if not marks.any():
            count = n
        sample = sequence(space.dim, int(archive.seed), len(archive.known))
        x = draw(space, int(count), seen, sample, rng)
        if len(x) < n and marks.any() and space.dim:
            seen.update(row_keys(x))
            more = self._within(state, marks, x, seen, n - len(x), rng)
            x = np.concatenate([x, more])
        if len(x) < n:  # the box of a finite space is exhausted
            seen.update(row_keys(x))
            rest = draw(
                space, n - len(x), seen, lambda m: rng.random((m, space.dim)), rng
            )
            x = np.concatenate([x, rest])
        return Proposal.fresh(x)

    def expect(self, state: TurboState, proposal: Proposal) -> TurboState:
        """The rows are pending."""
        return replace(state, archive=state.archive.expect(proposal))

    def tell(self, state: TurboState, outcome: Outcome) -> TurboState:
        """Grows, shrinks, or gives up the box."""
        old = set(row_keys(state.late))
        late = np.array([key in old for key in row_keys(outcome.x)], bool)
        told = set(row_keys(outcome.x))
        left = np.array([key not in told for key in row_keys(state.late)], bool)
        archive = state.archive.tell(outcome)
        member = np.append(state.member, np.where(late, -1, state.region))
        state = replace(state, archive=archive, member=member, late=state.late[left])
        return self._resized(state, outcome, ~late)

    def _resized(
        self, state: TurboState, outcome: Outcome, inside: Bool[np.ndarray, " n"]
    ) -> TurboState:
        """One decision for the outcomes that are told together."""
        excess = violations(outcome.losses, outcome.constraints)
        fine = inside & np.isfinite(excess)
        spread = (state.member == state.region).sum() <= self._initial(
            state.archive.space
        )
        pairs = np.stack([excess, outcome.loss], 1)[fine]
        lowest = min(map(tuple, pairs), default=(np.inf, np.inf))
        better = _improves(lowest, tuple(state.best))
        best = np.array(min(lowest, tuple(state.best)))
        if spread:
            return replace(state, best=best)
        wins = np.where(better, state.wins + 1, 0)
        failures = np.where(better, 0, state.failures + inside.sum())
        length = state.length
        if wins >= WINS:
            length, wins = np.minimum(2 * length, LONGEST), np.array(0)
        if failures >= max(4, state.archive.space.dim):
            length, failures = length / 2, np.array(0)
        if length < SHORTEST:
            return _begun(state.archive, state.member, state.region + 1)
        return replace(
            state,
            length=np.asarray(length),
            wins=np.asarray(wins),
            failures=np.asarray(failures),
            best=best,
        )

    def _initial(self, space: Space) -> int:
        return min(max(5, 2 * space.dim), 50) if self.initial is None else self.initial

    def _within(
        self,
        state: TurboState,
        marks: Bool[np.ndarray, " n"],
        x: Float64[np.ndarray, "k d"],
        seen: set[bytes],
        n: int,
        rng: np.random.Generator,
    ) -> Float64[np.ndarray, "m d"]:
        from thalweg.surrogates import one_thread, thompson_batch

        archive = state.archive
        pending = np.concatenate([archive.pending, x])
        with one_thread():
            models = build(archive, marks, pending, most=MOST, rng=rng)
            rows = _candidates(archive.space, models, float(state.length), n, rng)
            rows = rows[first_unseen(rows, seen)]
            return thompson_batch(models.landscape("thompson"), n, rows=rows, rng=rng)


def _begun(
    archive: Archive, member: Int64[np.ndarray, " n"], region: Int64[np.ndarray, ""]
) -> TurboState:
    zero = np.array(0)
    return TurboState(
        archive,
        np.asarray(region),
        member,
        archive.pending,
        np.array(FIRST),
        zero,
        zero,
        np.full(2, np.inf),
    )


def _improves(new: tuple[float, ...], best: tuple[float, ...]) -> bool:
    """Less in violation, or as feasible and better by a margin."""
    if new[0] != best[0] or np.isinf(new[0]):
        return new[0] < best[0]
    return new[1] < best[1] - MARGIN * abs(best[1])


def _candidates(
    space: Space,
    models: Models,
    length: float,
    n: int,
    rng: np.random.Generator,
) -> Float64[np.ndarray, "m d"]:
    """Rows in the box around the best one, each other in some of its dimensions."""
    centre = models.x[models.best()[0]]
    weight = models.objectives[0].weight[_first_features(models)]
    side = 1 / weight
    side = length * side / np.exp(np.mean(np.log(side)))  # the volume is length^d
    low = np.clip(centre - 0.5 * side, 0.0, 1.0)
    high = np.clip(centre + 0.5 * side, 0.0, 1.0)
    choice = np.array([kind == "choice" for kind in space.kinds], bool)
    low, high = np.where(choice, 0.0, low), np.where(choice, 1.0, high)
    count = int(np.clip(100 * space.dim, *CANDIDATES))
    count = max(count, 2 * n)
    points = low + (high - low) * sequence(space.dim, int(rng.integers(2**31)), 0)(
        count
    )
    moved = rng.random(points.shape) < min(1.0, MOVED / space.dim)
    moved[np.arange(count), rng.integers(space.dim, size=count)] = True
    return space.canonical(np.where(moved, points, centre))


def _first_features(models: Models) -> Int64[np.ndarray, " d"]:
    """One feature of each dimension: all of a dimension's have one length scale."""
    return np.unique(models.embedding.group, return_index=True)[1]
