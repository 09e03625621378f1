"""PB2: population-based training whose explorations a bandit chooses.

Parker-Holder et al. 2020, "Provably Efficient Online Hyperparameter Optimization with
Population-Based Bandits", Algorithm 1, https://arxiv.org/abs/2002.02518
Departs from the paper: time is one more dimension of a Matérn process, its forgetting
learned as a length scale; the improvements of a loss that it models are warped and
standardised within each generation; members wait for their generation, as in `PBT`.
"""

from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import numpy as np
from jaxtyping import Float64, Int64

from thalweg.proposers.archive import Archive
from thalweg.proposers.base import AbstractProposer
from thalweg.proposers.population import AbstractPopulation, check_population
from thalweg.proposers.random import Random
from thalweg.spaces import Space

FEWEST = 4  # improvements that a model is made of; before, children are drawn
LATEST = 100  # and the most
POOL = 512  # rows that compete to be a child's
NEAR = 0.1  # deviation of the half of them that are drawn around the parent


class PB2(AbstractPopulation):
    """`PBT` for small populations (4 to 16): fewer members learn what to try next.

    A Gaussian process of the improvements seen so far, over parameters, time and the
    loss that a member began with, is asked where its upper confidence bound is largest.
    """

    members: int = 8
    generations: int = 10  # parts of a full training, at whose ends members compare
    quantile: float = 0.25
    fixed: tuple[str, ...] = ()  # inherited as they are, beside all that is not real
    populations: int | None = None  # exhausted after so many; None: goes on
    sampler: AbstractProposer[Any] = eqx.field(default_factory=Random)

    rank_based: ClassVar[bool] = False
    objectives: ClassVar[int | None] = 1

    def __check_init__(self) -> None:
        check_population(self)

    def learn(self, archive: Archive, generation: int) -> "Gains | None":
        """A model of the improvements; None while they are too few."""
        seen = Improvements.of(archive, self.generations)
        if len(seen.gain) < FEWEST:
            return None
        return Gains(archive, seen, (generation + 1) / self.generations)

    def explore(
        self,
        space: Space,
        learned: "Gains | None",
        x: Float64[np.ndarray, " d"],
        free: Int64[np.ndarray, " k"],
        chosen: Float64[np.ndarray, "m d"],
        rng: np.random.Generator,
    ) -> Float64[np.ndarray, " d"]:
        """The row of the largest upper confidence bound, among many of the parent's."""
        pool = np.repeat(x[None], POOL, axis=0)
        drawn = rng.random((POOL, len(free)))
        near = x[free] + NEAR * rng.standard_normal(drawn.shape)
        near = 1 - np.abs(1 - np.abs(near) % 2)  # reflected at the walls
        pool[:, free] = np.where(np.arange(POOL)[:, None] % 2, near, drawn)
        if learned is None:
            return pool[0]
        return pool[np.argmax(learned.bound(pool, chosen))]


class Improvements(NamedTuple):
    """What members gained in a generation, and how they stood before it."""

    x: Float64[np.ndarray, "m d"]
    time: Float64[np.ndarray, " m"]  # when they began, in full trainings
    rank: Float64[np.ndarray, " m"]  # the part of their generation that was better
    gain: Float64[np.ndarray, " m"]  # mean 0 and deviation 1 in each generation

    @staticmethod
    def of(archive: Archive, generations: int) -> "Improvements":
        """The latest of all that an archive holds."""
        from thalweg.surrogates import warp

        finite, loss = np.isfinite(archive.loss), archive.loss
        when = np.rint(archive.budget * generations).astype(np.int64)
        pairs = zip(archive.trial, when, strict=True)
        place = {pair: i for i, pair in enumerate(pairs) if finite[i]}
        begun = [
            (i, place[parent, t - 1])
            for i, (parent, t) in enumerate(zip(archive.parent, when, strict=True))
            if finite[i] and (parent, t - 1) in place
        ]
        row, start = np.array(begun[-LATEST:], np.int64).reshape(-1, 2).T
        gain, rank = loss[start] - loss[row], np.zeros(len(row))
        for t in np.unique(when[row]):
            here = when[row] == t
            before = loss[(when == t - 1) & finite]
            rank[here] = (before < loss[start[here]][:, None]).mean(1)
            gain[here] = -warp(-gain[here])
        return Improvements(archive.x[row], when[start] / generations, rank, gain)


class Gains:
    """A Gaussian process of what members gain that begin at `time`, from the best."""

    def __init__(self, archive: Archive, seen: Improvements, time: float):
        from thalweg.surrogates import Data, Embedding, fit, one_thread

        self.embedding, self.time = Embedding(archive.space), time
        known = self._features(seen.x, seen.time, seen.rank)
        dim = archive.space.dim
        group = np.append(self.embedding.group, [dim, dim + 1])
        self.data = Data(known, group, seen.gain, dim + 2)
        with one_thread():
            self.theta = fit(self.data, starts=1)

    def bound(
        self, pool: Float64[np.ndarray, "p d"], chosen: Float64[np.ndarray, "k d"]
    ) -> Float64[np.ndarray, " p"]:
        """The upper confidence bound of rows; `chosen` ones are on their way."""
        from thalweg.surrogates import Posterior, one_thread

        coming, asked = (self._features(x, self.time, 0.0) for x in (chosen, pool))
        with one_thread():
            posterior = Posterior(self.theta, self.data, coming)
            mean, variance = posterior.predict(asked)
        width = 0.2 + max(0.0, np.log(0.4 * len(self.data.targets)))
        return mean + np.sqrt(width * variance)

    def _features(
        self, x: Float64[np.ndarray, "n d"], time: Any, rank: Any
    ) -> Float64[np.ndarray, "n f"]:
        more = np.empty((len(x), 2))
        more[:, 0], more[:, 1] = time, rank
        return np.concatenate([self.embedding.features(x), more], 1)
