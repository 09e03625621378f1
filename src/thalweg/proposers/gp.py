"""Bayesian optimization: a Gaussian process and its log expected improvement.

Jones et al. 1998, https://doi.org/10.1023/A:1008306431147
Ament et al. 2023 (the logarithm), https://arxiv.org/abs/2310.20708
Batches by believing the predicted means (`surrogates.gp.Posterior`).
"""

from typing import ClassVar

import numpy as np
from jaxtyping import Float64

from thalweg.core.errors import InvalidInput
from thalweg.core.rng import generator
from thalweg.core.typing import Key
from thalweg.proposers.archive import Archive
from thalweg.proposers.base import AbstractProposer, Outcome, Proposal
from thalweg.proposers.distinct import draw
from thalweg.proposers.sobol import sequence
from thalweg.spaces import Space, row_keys

FITTED = 200  # observations that settle the hyper-parameters, at most
ANCHORS = 8  # best configurations whose surroundings are searched


class GaussianProcess(AbstractProposer[Archive]):
    """The best use of few, expensive trials (10 to 1,000) of up to about 50 dimensions.

    Begins with `initial` points of a Sobol sequence (default: the number of dimensions
    and one, at least 5). Beyond `max_observations` the model is fitted to a third that
    is best, a third that is latest and a random rest: the seconds an `ask` takes grow
    up to there, and then no more. If trials have budgets, the model is of the largest
    budget that `initial` finite losses are known of.
    """

    initial: int | None = None
    max_observations: int = 1000

    rank_based: ClassVar[bool] = False
    multi_fidelity: ClassVar[bool] = False

    def __check_init__(self) -> None:
        if self.max_observations < 10:
            raise InvalidInput(
                "`max_observations` must be at least 10, but got "
                f"{self.max_observations}."
            )
        if self.initial is not None and self.initial < 1:
            raise InvalidInput(f"`initial` must be at least 1, but got {self.initial}.")

    def init(self, space: Space, *, key: Key) -> Archive:
        """Nothing told."""
        return Archive.empty(space, key=key)

    def propose(self, state: Archive, n: int, *, key: Key) -> Proposal:
        """Sobol points at first, then where improvement is expected."""
        space, rng = state.space, generator(key)
        known, seen = state.known, state.seen()
        modelled = self._level(state)
        count = n
        if modelled.sum() >= 2:
            count = min(n, max(0, self._initial(space) - len(known)))
        sample = sequence(space.dim, int(state.seed), len(known))
        x = draw(space, count, seen, sample, rng) if count else known[:0]
        if len(x) < n and modelled.sum() >= 2:
            pending = np.concatenate([state.pending, x])
            seen.update(row_keys(x))
            from thalweg.surrogates import one_thread

            with one_thread():
                best = self._improve(state, modelled, pending, seen, n - len(x), rng)
            x = np.concatenate([x, best])
        if len(x) < n:  # a finite space that is nearly exhausted
            seen.update(row_keys(x))
            rest = draw(
                space, n - len(x), seen, lambda m: rng.random((m, space.dim)), rng
            )
            x = np.concatenate([x, rest])
        return Proposal.fresh(x)

    def expect(self, state: Archive, proposal: Proposal) -> Archive:
        """The rows are pending: believed at their predicted means."""
        return state.expect(proposal)

    def tell(self, state: Archive, outcome: Outcome) -> Archive:
        """Observations to be modelled by the next `propose`."""
        return state.tell(outcome)

    def _initial(self, space: Space) -> int:
        return max(5, space.dim + 1) if self.initial is None else self.initial

    def _level(self, state: Archive) -> np.ndarray:
        """Marks the observations of the budget that is modelled."""
        finite = np.isfinite(state.loss)
        counts = {b: finite[state.budget == b].sum() for b in np.unique(state.budget)}
        if not counts:
            return finite
        enough = [b for b, c in counts.items() if c >= self._initial(state.space)]
        level = max(enough) if enough else max(counts, key=lambda b: (counts[b], b))
        marks = state.budget == level
        return marks if finite[marks].any() else np.zeros(len(marks), bool)

    def _improve(
        self,
        state: Archive,
        modelled: np.ndarray,
        pending: Float64[np.ndarray, "m d"],
        seen: set[bytes],
        n: int,
        rng: np.random.Generator,
    ) -> Float64[np.ndarray, "n d"]:
        from thalweg.surrogates import Data, Embedding, Posterior, best_batch, fit, warp

        space, embedding = state.space, Embedding(state.space)
        x, y = state.x[modelled], warp(state.loss[modelled])
        rows = _subset(y, self.max_observations, rng)
        x, y = x[rows], y[rows]
        data = Data(embedding.features(x), embedding.group, y, space.dim)
        few = _subset(y, FITTED, rng)
        small = Data(data.features[few], embedding.group, y[few], space.dim)
        theta = fit(small)
        posterior = Posterior(theta, data, embedding.features(pending))
        mean, _ = posterior.predict(
            np.concatenate([data.features, embedding.features(pending)])
        )
        _, distinct = np.unique(x, axis=0, return_index=True)
        order = distinct[np.argsort(mean[distinct], kind="stable")]
        return best_batch(
            space,
            embedding,
            posterior,
            n,
            best=float(mean.min()),
            anchors=x[order[:ANCHORS]],
            seen=seen,
            rng=rng,
        )


def _subset(y: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """A third best, a third latest, the rest random; in order, all if few enough."""
    n = len(y)
    if n <= size:
        return np.arange(n)
    keep = np.zeros(n, bool)
    keep[np.argsort(y, kind="stable")[: size // 3]] = True
    latest = np.flatnonzero(~keep)[-(size // 3) :]
    keep[latest] = True
    rest = np.flatnonzero(~keep)
    keep[rng.choice(rest, size - keep.sum(), replace=False)] = True
    return np.flatnonzero(keep)
