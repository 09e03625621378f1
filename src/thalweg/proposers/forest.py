"""Bayesian optimization with a random forest, as SMAC does it.

Hutter et al. 2011, sections 4.1 to 4.3, https://doi.org/10.1007/978-3-642-25566-3_40
Lindauer et al. 2022 (SMAC3), https://arxiv.org/abs/2109.09831
User priors: Hvarfner et al. 2022 (piBO), equation 6, https://arxiv.org/abs/2204.11051
Batches by believing predicted means: a row of the batch enters the leaves it falls in
(`surrogates.forest`), and no tree is grown anew.
Departs from the papers: losses are warped (`surrogates.warp`) instead of their
logarithms taken; fewer random rows; no races of configurations over instances.
"""

from typing import ClassVar

import numpy as np
from jaxtyping import Float64, Int64

from thalweg.core.errors import InvalidInput
from thalweg.core.rng import generator
from thalweg.core.typing import Key
from thalweg.proposers.archive import Archive
from thalweg.proposers.base import AbstractProposer, Outcome, Proposal
from thalweg.proposers.evenly_first import evenly_first
from thalweg.proposers.modelled import at_level, scalar_loss
from thalweg.spaces import Space, row_keys
from thalweg.surrogates import log_expected_improvement, warp
from thalweg.surrogates.candidates import pool
from thalweg.surrogates.forest import Forest

ANCHORS = 8  # best rows whose surroundings are searched, and best candidates after them
ROUNDS = 3  # of searching around the best candidates so far
UNIFORM = 512  # candidates from everywhere
FLOOR = 1e-4  # of the variance, when that of all losses is one
BELIEF = 10.0  # piBO's β: how many trials outweigh a user's prior


class RandomForest(AbstractProposer[Archive]):
    """Suits spaces of many choices and conditions, and losses with cliffs.

    Begins with `initial` points that are evenly spread. Later each row is a random
    candidate with probability `explore`. The forest has `trees` trees. They learn from
    at most `max_observations` trials, half of them the best, the others random; if
    trials have budgets, from those of the largest budget that `initial` finite losses
    are known of.
    """

    initial: int = 10
    trees: int = 24
    explore: float = 0.1
    max_observations: int = 600

    rank_based: ClassVar[bool] = False
    multi_fidelity: ClassVar[bool] = False
    objectives: ClassVar[int | None] = None

    def __check_init__(self) -> None:
        for name in ("initial", "trees", "max_observations"):
            if getattr(self, name) < 1:
                raise InvalidInput(
                    f"`{name}` must be at least 1, but got {getattr(self, name)}."
                )
        if not 0 <= self.explore <= 1:
            raise InvalidInput(
                f"`explore` is a probability in [0, 1], but got {self.explore}."
            )

    def init(self, space: Space, *, key: Key) -> Archive:
        """Nothing told."""
        return Archive.empty(space, key=key)

    def propose(self, state: Archive, n: int, *, key: Key) -> Proposal:
        """Sobol points at first, then where improvement is expected."""
        rng = generator(key)
        loss = scalar_loss(state, rng)
        known = np.flatnonzero(at_level(state.budget, loss, self.initial))

        def improve(pending: np.ndarray, seen: set[bytes], n: int) -> np.ndarray:
            return self._best(state, known, loss[known], pending, seen, n, rng)

        found = improve if len(known) else None
        return evenly_first(state, n, found, initial=self.initial, rng=rng)

    def expect(self, state: Archive, proposal: Proposal) -> Archive:
        """The rows are pending: believed at their predicted means."""
        return state.expect(proposal)

    def tell(self, state: Archive, outcome: Outcome) -> Archive:
        """Observations to be modelled by the next `propose`."""
        return state.tell(outcome)

    def _best(
        self,
        state: Archive,
        known: Int64[np.ndarray, " m"],
        loss: Float64[np.ndarray, " m"],
        pending: Float64[np.ndarray, "k d"],
        seen: set[bytes],
        n: int,
        rng: np.random.Generator,
    ) -> Float64[np.ndarray, "n d"]:
        """Up to `n` candidates, one after the other; each is then believed."""
        space, y = state.space, warp(loss)
        some = _subset(y, self.max_observations, rng)
        x, y = state.x[known[some]], y[some]
        forest = Forest(space, x, y, rng, trees=self.trees)
        for leaves in forest.leaves(pending):
            forest.believe(leaves)
        best = float(forest.predict(forest.leaves(x))[0].min())

        def score(leaves: np.ndarray, bonus: np.ndarray) -> np.ndarray:
            mean, variance = forest.predict(leaves)
            deviation = np.sqrt(variance + FLOOR)
            return log_expected_improvement(mean, deviation, best) + bonus

        anchors = x[np.argsort(y, kind="stable")[:ANCHORS]]
        rows, leaves, bonus = np.zeros((0, space.dim)), [], np.zeros(0)
        taken, value = set(seen), np.zeros(0)
        for number in range(ROUNDS):
            uniform = 0 if number else UNIFORM + n
            new = pool(space, anchors, taken, rng, uniform=uniform)
            believed = space.log_prior(new) * BELIEF / len(state)
            bonus = np.append(bonus, believed)
            leaves.append(forest.leaves(new))
            rows = np.concatenate([rows, new])
            taken.update(row_keys(new))
            value = np.append(value, score(leaves[-1], believed))
            anchors = rows[np.argsort(-value, kind="stable")[:ANCHORS]]
        at, left = np.concatenate(leaves), np.ones(len(rows), bool)
        chosen: list[int] = []
        while len(chosen) < min(n, len(rows)):
            value = np.where(left, score(at, bonus), -np.inf)
            i = int(value.argmax())
            if rng.random() < self.explore:
                i = int(rng.choice(np.flatnonzero(left)))
            chosen.append(i)
            left[i] = False
            forest.believe(at[i])
        return rows[chosen]


def _subset(
    y: Float64[np.ndarray, " m"], size: int, rng: np.random.Generator
) -> Int64[np.ndarray, " k"]:
    """The best half of `size`, and a random rest; all if few enough."""
    if len(y) <= size:
        return np.arange(len(y))
    order = np.argsort(y, kind="stable")
    best, rest = np.split(order, [size // 2])
    return np.append(best, rng.choice(rest, size - len(best), replace=False))
