"""Freeze-thaw: extrapolated learning curves choose whom to begin or to go on with.

Swersky et al. 2014, "Freeze-Thaw Bayesian Optimization",
https://arxiv.org/abs/1406.3896
Rakotoarison et al. 2024, "In-Context Freeze-Thaw Bayesian Optimization for
Hyperparameter Optimization" (ifBO), section 4.2, https://arxiv.org/abs/2404.16795
Departs from both: curves are a Gaussian process with a part of their own for each trial
(`surrogates.curves`), and go on by a factor at a time; batches by believing means; a
share of greedy choices.
"""

from typing import ClassVar

import numpy as np
from jaxtyping import Float64, Int64

from thalweg.core.errors import InvalidInput
from thalweg.core.rng import generator
from thalweg.core.typing import Key
from thalweg.proposers.archive import Archive
from thalweg.proposers.base import AbstractProposer, Outcome, Proposal
from thalweg.proposers.distinct import draw
from thalweg.proposers.halving import depth
from thalweg.spaces import Space, first_unseen, row_keys

FITTED = 128  # observations that settle the hyper-parameters, at most
OBSERVED = 384  # observations that the model holds, at most
FROZEN = 128  # trials that may be thawed, at most: those of the best last loss
OUTLYING = 1.5  # quartile ranges above the third quartile that losses may be
TIMED = 64  # trials whose seconds are modelled, at most: the latest
BELIEVED = 64  # pending rows, at most: the latest
POOL = 128  # uniform rows that may begin a trial …
NEARBY = 16  # … and perturbations of each of the best trials' rows
ANCHORS = 8
GROUP = 4  # rows of a batch that share one horizon
LEAST, MOST = -4.0, -1.0  # log10 of the improvement wished for, in spreads of losses


class FreezeThaw(AbstractProposer[Archive]):
    """For some dozens to some hundred trainings whose curves are smooth.

    Each trial begins with `min_budget` and is frozen. A model of all curves then asks,
    of every frozen trial and of many new ones, how probable it is that training for a
    random while longer beats the best loss by a random margin; whoever leads is trained
    to `factor` times its budget. (Horizon and margin are drawn because no single choice
    suits short and long searches.) Every other time, on average, it is the frozen trial
    whose predicted end is best, so that some curves are soon known to their ends. With
    `per_second` what is cheap comes first where seconds per trial differ; the same seed
    then gives other trials on another machine.
    """

    min_budget: int | float = 1 / 27  # fraction of a full training
    factor: int | float = 3**0.5
    initial: int = 6  # random trials before the model
    per_second: bool = False  # divide by what training is predicted to take
    greed: float = 0.5  # how often the frozen trial of the best predicted end goes on

    rank_based: ClassVar[bool] = False
    multi_fidelity: ClassVar[bool] = True
    objectives: ClassVar[int | None] = None

    def __check_init__(self) -> None:
        depth(self.min_budget, self.factor)
        if self.initial < 1:
            raise InvalidInput(f"`initial` must be at least 1, but got {self.initial}.")
        if not 0 <= self.greed <= 1:
            raise InvalidInput(
                f"`greed` is a probability in [0, 1], but got {self.greed}."
            )

    @property
    def budgets(self) -> Float64[np.ndarray, " k"]:
        """Where trials are frozen, the last of them 1."""
        lowest = depth(self.min_budget, self.factor)
        return float(self.factor) ** np.arange(-lowest, 1)

    def init(self, space: Space, *, key: Key) -> Archive:
        """Nothing told."""
        return Archive.empty(space, key=key)

    def propose(self, state: Archive, n: int, *, key: Key) -> Proposal:
        """Random trials at first, then what is most likely to improve."""
        space, rng, seen = state.space, generator(key), state.seen()
        known = int((np.isfinite(state.losses).all(1) & (state.trial >= 0)).sum())
        begun = len(np.unique(state.trial)) + int((state.pending_parent < 0).sum())
        count = n if known < 2 else min(n, max(0, self.initial - begun))
        x = state.x[:0]
        if count:
            x = draw(space, count, seen, lambda m: rng.random((m, space.dim)), rng)
        proposal = Proposal.fresh(x, float(self.budgets[0]))
        if len(x) < n and known >= 2:
            from thalweg.surrogates import one_thread

            seen.update(row_keys(x))
            with one_thread():
                chosen = self._choose(state, proposal, n - len(x), seen, rng)
            proposal = _joined(proposal, chosen)
        return proposal

    def expect(self, state: Archive, proposal: Proposal) -> Archive:
        """The rows are pending: believed at their predicted means."""
        return state.expect(proposal)

    def tell(self, state: Archive, outcome: Outcome) -> Archive:
        """Points of curves, to be modelled by the next `propose`."""
        return state.tell(outcome)

    def _choose(
        self,
        state: Archive,
        first: Proposal,
        n: int,
        seen: set[bytes],
        rng: np.random.Generator,
    ) -> Proposal:
        """Up to `n` rows of the largest probability of improvement, one by one."""
        from scipy.special import log_ndtr

        from thalweg.surrogates import Curves, Embedding, Points, fit_curves

        space, features = state.space, Embedding(state.space).features
        group = Embedding(state.space).group
        y = _standardised(_losses(state, rng))
        told = Points(features(state.x), state.budget, state.trial)
        few, rows = (_curves(state, y, size, rng) for size in (FITTED, OBSERVED))
        prior = fit_curves(told[few], y[few], group, space.dim)
        model = Curves(prior, told[rows], y[rows])
        best = float(model.cross(told[rows])[0].min())
        spread = float(y[rows].max()) - best
        x, parent, budget = self._candidates(state, y, n, seen, rng)
        number = state.trial.max() + 1 + np.arange(len(x))  # of curves yet to begin
        number = np.where(parent >= 0, parent, number)
        above = self.budgets > budget[:, None] * (1 + 1e-9)
        after = self.budgets[np.argmax(above, axis=1)]
        thawed = Points(features(x), after, number)
        for kind in (first, _pending(state)):
            for i in range(len(kind)):
                at = features(kind.x[i : i + 1])
                model.believe(Points(at, kind.budget[[i]], kind.parent[[i]]))
        price = np.zeros(len(x))
        if self.per_second:
            price = np.log(after - budget) + _log_rate(state, x)
        end = Points(thawed.features, np.ones(len(x)), number)
        ends, spreads = model.predict(end)
        ends = -ends if not self.per_second else log_ndtr((best - ends) / spreads)
        chosen: list[int] = []
        left = np.ones(len(x), bool)
        while len(chosen) < n and left.any():
            horizon = np.clip(budget + rng.random(), after, 1.0)
            ahead = Points(thawed.features, horizon, number)
            mean, reduced = model.cross(ahead)
            for _ in range(min(GROUP, n - len(chosen), int(left.sum()))):
                mark = best - spread * 10 ** rng.uniform(LEAST, MOST)
                z = (mark - mean) / model.deviation(ahead, reduced)
                score = log_ndtr(z) - price
                free, frozen = left, left & (parent >= 0)
                if frozen.any() and rng.random() < self.greed:
                    score, free = ends - price, frozen
                i = int(np.argmax(np.where(free, score, -np.inf)))
                chosen.append(i)
                left[i] = False
                near = prior(thawed[[i]], ahead)[0]
                row = model.believe(thawed[[i]])
                new = (near - row[:-1] @ reduced) / row[-1]
                reduced = np.concatenate([reduced, new[None]])
        return Proposal(x[chosen], parent[chosen], after[chosen])

    def _candidates(
        self,
        state: Archive,
        y: Float64[np.ndarray, " n"],
        n: int,
        seen: set[bytes],
        rng: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rows, parents (-1: new) and budgets: frozen trials, and new rows."""
        latest = _latest(state)
        latest = latest[np.argsort(y[latest], kind="stable")]
        busy = np.isin(state.trial[latest], state.pending_parent)
        alive = np.isfinite(state.losses[latest]).all(1)
        frozen = latest[(state.budget[latest] < 1) & alive & ~busy][:FROZEN]
        new = _near(state.space, state.x[latest[:ANCHORS]], rng)
        new = np.concatenate([rng.random((max(POOL, n), state.space.dim)), new])
        new = state.space.canonical(new)
        new = new[first_unseen(new, seen)]
        if not len(new):  # a finite space that is nearly exhausted
            new = draw(state.space, n, seen, lambda m: new[:0], rng)
        return (
            np.concatenate([state.x[frozen], new]),
            np.append(state.trial[frozen], np.full(len(new), -1)),
            np.append(state.budget[frozen], np.zeros(len(new))),
        )


def _losses(state: Archive, rng: np.random.Generator) -> Float64[np.ndarray, " n"]:
    """One loss for each outcome; NaN where it failed or is infeasible."""
    from thalweg.surrogates import chebyshev

    feasible = ~(state.constraints > 0).any(1)
    return np.where(feasible, chebyshev(state.losses, rng), np.nan)


def _standardised(loss: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    """Mean 0 and deviation 1, with the shape of curves kept.

    What is far above most others is cut off, and so is what failed.
    """
    finite = loss[np.isfinite(loss)]
    if not len(finite):
        return np.zeros_like(loss)
    y = loss / (np.abs(finite).max() or 1.0)  # differences of 1e308 would overflow
    low, quarter, three = np.quantile(y[np.isfinite(y)], [0.0, 0.25, 0.75])
    y = np.where(np.isfinite(y), y, np.inf)
    y = np.minimum(y, three + OUTLYING * (three - quarter)) - low
    return (y - y.mean()) / (y.std() or 1.0)


def _latest(state: Archive) -> Int64[np.ndarray, " t"]:
    """The last outcome of each trial that ran."""
    ran = np.flatnonzero(state.trial >= 0)
    _, last = np.unique(state.trial[ran][::-1], return_index=True)
    return ran[::-1][last]


def _log_rate(
    state: Archive, x: Float64[np.ndarray, "m d"]
) -> Float64[np.ndarray, " m"]:
    """The logarithm of the seconds that a full training of each row would take.

    By a process of what trials took until now; 0 where seconds are not told, or alike.
    """
    from thalweg.surrogates import Data, Embedding, Posterior, fit

    latest = _latest(state)
    timed = np.isfinite(state.cost[latest]) & (state.cost[latest] > 0)
    rows = latest[timed][-TIMED:]
    rate = np.log(state.cost[rows] / state.budget[rows])
    if len(rows) < 2 or rate.std() < 0.1:
        return np.zeros(len(x))
    embedding = Embedding(state.space)
    y = (rate - rate.mean()) / rate.std()
    known = embedding.features(state.x[rows])
    data = Data(known, embedding.group, y, state.space.dim)
    posterior = Posterior(fit(data, starts=1), data)
    mean, _ = posterior.predict(embedding.features(x))
    return rate.mean() + rate.std() * mean


def _pending(state: Archive) -> Proposal:
    """The latest that have no outcome."""
    return Proposal(
        state.pending[-BELIEVED:],
        state.pending_parent[-BELIEVED:],
        state.pending_budget[-BELIEVED:],
    )


def _curves(
    state: Archive, y: Float64[np.ndarray, " n"], size: int, rng: np.random.Generator
) -> Int64[np.ndarray, " m"]:
    """Outcomes of whole curves, `size` at most: the best, the latest, random ones."""
    ran = np.flatnonzero(state.trial >= 0)
    _, place, points = np.unique(
        state.trial[ran], return_inverse=True, return_counts=True
    )
    lowest, last = np.full(len(points), np.inf), np.zeros(len(points), np.int64)
    np.minimum.at(lowest, place, y[ran])
    np.maximum.at(last, place, np.arange(len(ran)))
    turns = (
        np.argsort(lowest, kind="stable"),
        np.argsort(-last),
        rng.permutation(len(last)),
    )
    in_turn = np.stack(turns, 1).ravel()
    _, first = np.unique(in_turn, return_index=True)
    trials = in_turn[np.sort(first)]
    kept = trials[np.cumsum(points[trials]) <= size]
    return ran[np.isin(place, kept)]


def _near(
    space: Space, anchors: Float64[np.ndarray, "a d"], rng: np.random.Generator
) -> Float64[np.ndarray, "m d"]:
    """Each anchor perturbed in some coordinates, a little or wholly."""
    rows = np.repeat(anchors, NEARBY, axis=0)
    scale = 10 ** rng.uniform(-2.0, -0.5, (len(rows), 1))
    moved = rows + scale * rng.standard_normal(rows.shape)
    moved = 1 - np.abs(1 - np.abs(moved) % 2)  # reflected at the walls
    jump = np.array([kind == "choice" for kind in space.kinds], bool)
    jump = jump | (rng.random(rows.shape) < 0.1)
    change = rng.random(rows.shape) < rng.choice([0.1, 0.3, 1.0], (len(rows), 1))
    return np.where(change, np.where(jump, rng.random(rows.shape), moved), rows)


def _joined(a: Proposal, b: Proposal) -> Proposal:
    return Proposal(
        np.concatenate([a.x, b.x]),
        np.append(a.parent, b.parent),
        np.append(a.budget, b.budget),
    )
