"""Tree-structured Parzen estimators: what good trials have and bad trials have not.

Bergstra et al. 2011, section 4, https://papers.nips.cc/paper/4443
Multivariate kernels: Falkner et al. 2018, section 3.2, https://arxiv.org/abs/1807.01774
The settings' roles: Watanabe 2023, https://arxiv.org/abs/2304.11127
Several objectives: Ozaki et al. 2020 (MOTPE), https://doi.org/10.1145/3377930.3389817
User priors: Hvarfner et al. 2022 (piBO), equation 6, https://arxiv.org/abs/2204.11051
Departs from the papers: good trials weigh by their ranks, as parents do in CMA-ES; one
mixture covers conditional dimensions (`surrogates.parzen`); several objectives are
ordered by fronts and crowding, not by hypervolumes; the rest of a batch counts as bad.
"""

import math
from typing import ClassVar

import numpy as np
from jaxtyping import Float64, Int64

from thalweg.core.errors import InvalidInput
from thalweg.core.rng import generator
from thalweg.core.typing import Key
from thalweg.proposers.archive import Archive
from thalweg.proposers.base import AbstractProposer, Outcome, Proposal
from thalweg.proposers.evenly_first import evenly_first
from thalweg.proposers.modelled import at_level
from thalweg.proposers.random import partly_believed
from thalweg.spaces import Space, first_unseen
from thalweg.surrogates import order
from thalweg.surrogates.parzen import Parzen, features

MOST_GOOD = 25
MOST_BAD = 400  # a random part of more: the milliseconds of an ask stay what they are
POOL = 64  # candidates at least, and ...
PER_ROW = 4  # ... for each row of a batch
BELIEF = 10.0  # piBO's β: how many trials outweigh a user's prior


class TPE(AbstractProposer[Archive]):
    """Quick, and robust to noise and to losses of any scale: only their order counts.

    Takes mixed and conditional spaces, several objectives and constraints, and any
    number of workers; milliseconds at any number of trials. Begins with `initial`
    points that are evenly spread. Of n trials the best `ceil(sqrt(n))` are good, at
    most 25. Trials that failed are bad. If trials have budgets, it learns from those of
    the largest budget that `initial` finite losses are known of.
    """

    initial: int = 10

    rank_based: ClassVar[bool] = True
    multi_fidelity: ClassVar[bool] = False
    objectives: ClassVar[int | None] = None

    def __check_init__(self) -> None:
        if self.initial < 1:
            raise InvalidInput(f"`initial` must be at least 1, but got {self.initial}.")

    def init(self, space: Space, *, key: Key) -> Archive:
        """Nothing told."""
        return Archive.empty(space, key=key)

    def propose(self, state: Archive, n: int, *, key: Key) -> Proposal:
        """Sobol points at first, then candidates whose ratio of densities is best."""
        rng = generator(key)
        good, bad = self._split(state, rng)

        def improve(pending: np.ndarray, seen: set[bytes], n: int) -> np.ndarray:
            worse = np.concatenate([state.x[bad], pending])
            return self._best(state, state.x[good], worse, seen, n, rng)

        found = improve if len(good) else None
        return evenly_first(state, n, found, initial=self.initial, rng=rng)

    def expect(self, state: Archive, proposal: Proposal) -> Archive:
        """The rows are pending: believed to be bad, so that others differ."""
        return state.expect(proposal)

    def tell(self, state: Archive, outcome: Outcome) -> Archive:
        """Observations to be modelled by the next `propose`."""
        return state.tell(outcome)

    def _split(
        self, state: Archive, rng: np.random.Generator
    ) -> tuple[Int64[np.ndarray, " k"], Int64[np.ndarray, " r"]]:
        """The numbers of the good outcomes, the best first, and of the bad ones."""
        ran = np.asarray(np.isfinite(state.losses).all(1))
        known = np.where(ran, 0.0, np.nan)
        level = np.flatnonzero(at_level(state.budget, known, self.initial))
        best_first = level[order(state.losses[level], state.constraints[level])]
        count = min(math.ceil(math.sqrt(len(level))), MOST_GOOD, int(ran[level].sum()))
        good, bad = best_first[:count], best_first[count:]
        if len(bad) > MOST_BAD:
            bad = rng.choice(bad, MOST_BAD, replace=False)
        return good, bad

    def _best(
        self,
        state: Archive,
        good: Float64[np.ndarray, "k d"],
        bad: Float64[np.ndarray, "r d"],
        seen: set[bytes],
        n: int,
        rng: np.random.Generator,
    ) -> Float64[np.ndarray, "n d"]:
        """Up to `n` candidates, one after the other; each then counts as bad."""
        space = state.space
        better = Parzen(space, good, _weights(len(good)))  # l(x)
        worse = Parzen(space, bad, np.ones(len(bad)))  # g(x)
        sample = partly_believed(space, lambda m: better.sample(m, rng), rng)
        pool = space.canonical(sample(max(POOL, PER_ROW * n)))
        pool = pool[first_unseen(pool, seen)]
        at = features(space, pool)
        gain = better.log_density(at)
        if space.has_prior:
            gain += BELIEF / len(state) * space.log_prior(pool)
        against, rows = worse.log_density(at), len(bad) + 1  # one is uniform
        chosen: list[int] = []
        while len(chosen) < min(n, len(pool)):
            chosen.append(int(np.argmax(gain - against)))
            gain[chosen[-1]] = -np.inf
            kernel = (worse.kernels(pool[chosen[-1:]]) @ at.T)[0]
            against = np.logaddexp(against + np.log(rows), kernel) - np.log(rows + 1)
            rows += 1
        return pool[chosen]


def _weights(k: int) -> Float64[np.ndarray, " k"]:
    """By rank, falling from the best to nearly nothing."""
    return np.log(k + 0.5) - np.log(np.arange(1, k + 1))
