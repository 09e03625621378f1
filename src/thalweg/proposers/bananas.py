"""BANANAS: an ensemble of neural predictors, sampled independently at mutants.

White et al. 2021, "BANANAS: Bayesian Optimization with Neural Architectures for Neural
Architecture Search", Algorithm 1, https://arxiv.org/abs/1910.11858
Departs from the paper: the networks have two layers of 64 units instead of ten of 20,
and fit warped losses by squared error; the candidates' parents are drawn from the best
of several, not from the best one alone.
"""

from collections.abc import Callable
from typing import ClassVar

import equinox as eqx
import numpy as np
from jaxtyping import Float64

from thalweg.core.errors import InvalidInput
from thalweg.core.rng import generator
from thalweg.core.typing import Key
from thalweg.proposers.archive import Archive
from thalweg.proposers.base import AbstractProposer, Outcome, Proposal
from thalweg.proposers.distinct import draw
from thalweg.proposers.modelled import at_level, scalar_loss
from thalweg.proposers.variation import mutated
from thalweg.spaces import Space, first_unseen, row_keys

PARENTS = 10  # best configurations that are changed
CANDIDATES = 400  # changes of them, at least; and eight for each row asked for


class Bananas(AbstractProposer[Archive]):
    """Architectures with an encoding, many workers, and up to 10,000 trials.

    Begins with `initial` uniform rows. The predictors see the values themselves, or the
    features `[n, f]` that `encoding` gives for canonical rows `[n, d]` (see
    `thalweg.cells`). An `ask` takes the same time however many trials are told
    and rows are asked for, nearly. Up to some 200 trials, `choice_gp` finds more.
    """

    initial: int = 10
    members: int = 5  # networks in the ensemble
    encoding: Callable[[np.ndarray], np.ndarray] | None = eqx.field(
        default=None, static=True
    )

    rank_based: ClassVar[bool] = False
    multi_fidelity: ClassVar[bool] = False
    objectives: ClassVar[int | None] = None

    def __check_init__(self) -> None:
        if self.initial < 2:
            raise InvalidInput(f"`initial` must be at least 2, but got {self.initial}.")
        if self.members < 2:
            raise InvalidInput(f"`members` must be at least 2, but got {self.members}.")

    def init(self, space: Space, *, key: Key) -> Archive:
        """Nothing told."""
        return Archive.empty(space, key=key)

    def propose(self, state: Archive, n: int, *, key: Key) -> Proposal:
        """Uniform rows at first, then mutants of the best that may be better."""
        space, rng = state.space, generator(key)
        loss = scalar_loss(state, rng)
        modelled = at_level(state.budget, loss, self.initial)
        ready = modelled.sum() >= 2
        count = min(n, max(0, self.initial - len(state.known))) if ready else n
        seen = state.seen()

        def uniform(m: int) -> Float64[np.ndarray, "m d"]:
            return rng.random((m, space.dim))

        x = draw(space, count, seen, uniform, rng) if count else state.x[:0]
        seen.update(row_keys(x))
        if len(x) < n and ready:
            from thalweg.surrogates import one_thread

            with one_thread():
                best = self._sampled(state, modelled, loss, seen, n - len(x), rng)
            seen.update(row_keys(best))
            x = np.concatenate([x, best])
        if len(x) < n:  # a finite space that is nearly exhausted
            rest = draw(space, n - len(x), seen, uniform, rng)
            x = np.concatenate([x, rest])
        return Proposal.fresh(x)

    def expect(self, state: Archive, proposal: Proposal) -> Archive:
        """The rows are pending: nobody is given them again."""
        return state.expect(proposal)

    def tell(self, state: Archive, outcome: Outcome) -> Archive:
        """Observations to be fitted by the next `propose`."""
        return state.tell(outcome)

    def _sampled(
        self,
        state: Archive,
        modelled: np.ndarray,
        loss: Float64[np.ndarray, " n"],
        seen: set[bytes],
        n: int,
        rng: np.random.Generator,
    ) -> Float64[np.ndarray, "k d"]:
        """The `n` mutants whose draws from their predictions are lowest."""
        from thalweg.surrogates import Embedding, Ensemble, warp

        space = state.space
        encode = self.encoding or Embedding(space).features
        x, y = state.x[modelled], warp(loss[modelled])
        ensemble = Ensemble(encode(x), y, rng, members=self.members)
        parents = x[np.argsort(y, kind="stable")[:PARENTS]]
        pick = rng.integers(len(parents), size=max(CANDIDATES, 8 * n))
        pool = mutated(space, parents[pick], rng, rate=1 / max(space.dim, 1))
        pool = pool[first_unseen(pool, seen)]
        if not len(pool):
            return pool
        predicted = ensemble.predict(encode(pool))
        draws = rng.normal(predicted.mean(0), predicted.std(0, ddof=1))
        return pool[np.argsort(draws, kind="stable")[:n]]
