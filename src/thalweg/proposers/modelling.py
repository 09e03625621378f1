"""From an archive to Gaussian processes: one for all that was measured of a trial."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int64

from thalweg.proposers.archive import Archive
from thalweg.surrogates import (
    Bound,
    Data,
    Embedding,
    Hypervolume,
    Improvement,
    Landscape,
    Merit,
    Posterior,
    bilog,
    choose_shapes,
    fit_once,
    nondominated,
    order,
    warp,
)
from thalweg.surrogates.pareto import violations

FITTED = 160  # observations that settle the hyper-parameters, at most
FRESH = 60  # observations up to which every one of them settles them anew
GROWTH = 1.1  # and then, only when their number has grown by this factor
ANCHORS = 8  # best configurations whose surroundings are searched
SPARE = 0.1  # of the front's range, between its worst and the reference point


@dataclass(frozen=True)
class Models:
    """Independent processes for all that was measured, over the same rows."""

    embedding: Embedding
    places: Int64[np.ndarray, " n"]  # of what they observed, in the archive
    x: Float64[np.ndarray, "n d"]
    feasible: Bool[np.ndarray, " n"]
    objectives: tuple[Posterior, ...]
    constraints: tuple[Posterior, ...]
    cost: tuple[Posterior, ...]  # of the logarithm; none or one
    scale: float  # of the cost's logarithm
    mean: Float64[np.ndarray, "n+k m"]  # of the objectives, at rows and pending ones

    def landscape(self, acquisition: str, *, faith: float = 0.0) -> Landscape:
        """What a new configuration is worth, everywhere."""
        merit = Merit(
            self._gain(acquisition), len(self.constraints), self.scale * len(self.cost)
        )
        models = self.objectives + self.constraints + self.cost
        return Landscape(self.embedding.space, self.embedding, models, merit, faith)

    def _gain(self, acquisition: str) -> Improvement | Hypervolume | Bound | None:
        pending = len(self.mean) - len(self.feasible)
        mean = self.mean[np.append(self.feasible, np.full(pending, True))]
        if not self.feasible.any():
            return None
        gain: Improvement | Hypervolume = Improvement(float(mean.min()))
        if mean.shape[1] > 1:
            front = mean[nondominated(mean)]
            reference = front.max(0) + SPARE * np.ptp(front, 0) + 1e-6
            gain = Hypervolume(front, reference)
        return Bound(gain) if acquisition == "ucb" else gain

    def anchors(self) -> Float64[np.ndarray, "a d"]:
        """The best distinct rows."""
        best = self.x[self.best()]
        _, first = np.unique(best, axis=0, return_index=True)
        return best[np.sort(first)[:ANCHORS]]

    def best(self) -> Int64[np.ndarray, " n"]:
        """The rows in the order of the models' means, the feasible ones first."""
        violated = (~self.feasible).astype(float)[:, None]
        return order(self.mean[: len(self.x)], violated)


def build(
    state: Archive,
    marks: Bool[np.ndarray, " n"],
    pending: Float64[np.ndarray, "k d"],
    *,
    most: int,
    rng: np.random.Generator,
    by_cost: bool = False,
    bent: bool = False,
    level: Float64[np.ndarray, " n"] | None = None,
) -> Models:
    """Models of the marked rows, at most so many of them.

    With the rows' `level`s these are one more dimension (`Embedding`); what is asked of
    the models is then what rows would be if they were trained in full.
    """
    places = np.flatnonzero(marks)
    losses, limits = state.losses[places], state.constraints[places]
    ranks = _ranks(losses, limits)
    rows = subset(ranks, most, rng)
    first = places[: settled(len(places))]
    few = subset(
        _ranks(state.losses[first], state.constraints[first]),
        FITTED,
        np.random.default_rng([int(state.seed), len(first)]),
    )
    shapes = None
    if bent:  # by the first objective, for all of them
        early_loss = warp(state.loss[first])[few]
        shapes = choose_shapes(state.space, state.x[first[few]], early_loss)
    embedding = Embedding(state.space, shapes, levelled=level is not None)
    whole = embedding.features(state.x[places[rows]])

    def features_of(rows: Int64[np.ndarray, " k"]) -> Float64[np.ndarray, "k f"]:
        levels = None if level is None else level[rows]
        return embedding.features(state.x[rows], levels)

    features, early = features_of(places[rows]), features_of(first[few])
    waiting = embedding.features(pending)

    def model(column: np.ndarray, transform: Callable[..., Any]) -> Posterior:
        y = transform(column[places])[rows]
        target = transform(column[first])[few]
        theta = fit_once(Data(early, embedding.group, target, embedding.dim))
        data = Data(features, embedding.group, y, embedding.dim)
        return Posterior(theta, data, waiting)

    objectives = tuple(model(column, warp) for column in state.losses.T)
    log_cost, scale = _log_cost(state, places)
    costs = (model(log_cost, lambda c: c / scale),) if by_cost and scale else ()
    both = np.concatenate([whole, waiting])
    return Models(
        embedding,
        places[rows],
        state.x[places[rows]],
        violations(losses[rows], limits[rows]) == 0,
        objectives,
        tuple(model(column, bilog) for column in state.constraints.T),
        costs,
        scale,
        np.stack([m.predict(both)[0] for m in objectives], 1),
    )


def settled(count: int) -> int:
    """How many of `count` observations, the first ones, settle the hyper-parameters."""
    if count <= FRESH:
        return count
    steps = np.floor(np.log(count / FRESH) / np.log(GROWTH) + 1e-9)
    return int(FRESH * GROWTH**steps + 1e-9)


def subset(
    rank: Float64[np.ndarray, " n"], size: int, rng: np.random.Generator
) -> Int64[np.ndarray, " k"]:
    """A third best, a third latest, the rest random; in order, all if few enough."""
    n = len(rank)
    if n <= size:
        return np.arange(n)
    keep = np.zeros(n, bool)
    keep[np.argsort(rank, kind="stable")[: size // 3]] = True
    latest = np.flatnonzero(~keep)[-(size // 3) :]
    keep[latest] = True
    rest = np.flatnonzero(~keep)
    keep[rng.choice(rest, size - keep.sum(), replace=False)] = True
    return np.flatnonzero(keep)


def _ranks(
    losses: Float64[np.ndarray, "n m"], constraints: Float64[np.ndarray, "n c"]
) -> Float64[np.ndarray, " n"]:
    """Each row's place from the best."""
    return np.argsort(order(losses, constraints), kind="stable").astype(np.float64)


def _log_cost(
    state: Archive, places: Int64[np.ndarray, " n"]
) -> tuple[Float64[np.ndarray, " n"], float]:
    """Every row's, unknown ones the middle; and its deviation among `places`."""
    known = np.isfinite(state.cost) & (state.cost > 0)
    if not known[places].any():
        return np.zeros(len(known)), 0.0
    logs = np.log(np.where(known, state.cost, 1.0))
    logs = np.where(known, logs, np.median(logs[known]))
    return logs - np.median(logs), float(logs[places].std())
