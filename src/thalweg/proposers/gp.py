"""Bayesian optimization: Gaussian processes and the log expected improvement.

Jones et al. 1998, https://doi.org/10.1023/A:1008306431147
Ament et al. 2023 (the logarithm), https://arxiv.org/abs/2310.20708
Batches by believing the predicted means (`surrogates.gp.Posterior`), large ones
completed by Thompson sampling; several objectives, constraints and costs as in
`surrogates.merit`. A user's prior multiplies the improvement by a power that falls with
the number of trials: Hvarfner et al. 2022 (piBO), https://arxiv.org/abs/2204.11051
"""

from typing import ClassVar, Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float64

from thalweg.core.errors import InvalidInput
from thalweg.core.rng import generator
from thalweg.core.typing import Key
from thalweg.proposers.archive import Archive
from thalweg.proposers.base import AbstractProposer, Outcome, Proposal
from thalweg.proposers.distinct import draw
from thalweg.proposers.modelled import aligned, at_level
from thalweg.proposers.modelling import Models, build
from thalweg.proposers.sobol import sequence
from thalweg.spaces import Space, row_keys

ACQUISITIONS = ("log_ei", "thompson", "ucb")
POOL = 1024  # uniform rows that Thompson sampling chooses among, at least
BELIEVED = 32  # rows of a batch that are found one after the other
FAITH = 10.0  # piBO's beta: after so many trials the prior counts as once


class Observed(NamedTuple):
    """What a model is fitted to."""

    archive: Archive
    marks: Bool[np.ndarray, " n"]  # which of its outcomes
    level: Float64[np.ndarray, " n"] | None  # of several budgets, 1 for the largest


class GaussianProcess(AbstractProposer[Archive]):
    """The best use of few, expensive trials (10 to 1,000) of up to about 50 dimensions.

    Begins with `initial` points of a Sobol sequence, or of the users' priors (default:
    the number of dimensions and one, at least 5). Several objectives are modelled one
    by one, and their front's hypervolume grows. Constraints are modelled, and a
    configuration counts by its probability of keeping them. Beyond `max_observations`
    the models see a third that is best, a third that is latest and a random rest: the
    time an `ask` takes grows up to there, and then no more. If trials have budgets, the
    model is of the largest budget that `initial` finite losses are known of; or, with
    `joint`, of all at once, the budget being one dimension more, and answers are for a
    full training (Klein et al. 2020, https://arxiv.org/abs/2003.10865, section 3).
    """

    initial: int | None = None
    acquisition: Literal["log_ei", "thompson", "ucb"] = "log_ei"
    per_second: bool = False  # expected improvement per second (`Outcome.cost`)
    input_warping: bool = False  # bend coordinates where the loss varies unevenly
    max_observations: int = 300
    joint: bool = False  # of all budgets, not of one of them

    rank_based: ClassVar[bool] = False
    multi_fidelity: ClassVar[bool] = False
    objectives: ClassVar[int | None] = None

    def __check_init__(self) -> None:
        if self.max_observations < 10:
            raise InvalidInput(
                "`max_observations` must be at least 10, but got "
                f"{self.max_observations}."
            )
        if self.initial is not None and self.initial < 1:
            raise InvalidInput(f"`initial` must be at least 1, but got {self.initial}.")
        if self.acquisition not in ACQUISITIONS:
            raise InvalidInput(
                f"`acquisition` must be one of {', '.join(map(repr, ACQUISITIONS))}, "
                f"but got {self.acquisition!r}."
            )

    def init(self, space: Space, *, key: Key) -> Archive:
        """Nothing told."""
        return Archive.empty(space, key=key)

    def propose(self, state: Archive, n: int, *, key: Key) -> Proposal:
        """Spread or believed-in points at first, then where improvement is expected."""
        space, rng = state.space, generator(key)
        seen, known = state.seen(), _begun(state) + len(state.pending)
        observed = self._observed(state)
        ready = observed.marks.sum() >= 2
        count = min(n, max(0, self._initial(space) - known)) if ready else n
        x = self._first(state, count, seen, known, rng)
        if len(x) < n and ready:
            seen.update(row_keys(x))
            pending = np.concatenate([state.pending, x])
            best = self._improve(observed, pending, seen, n - len(x), rng)
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

    def recommend(self, state: Archive) -> Float64[np.ndarray, " d"] | None:
        """Of the lowest mean; None before two finite losses are known."""
        observed = self._observed(state)
        if observed.marks.sum() < 2:
            return None
        from thalweg.surrogates import one_thread

        rng = np.random.default_rng(int(state.seed))
        with one_thread():
            models = self._models(observed, state.x[:0], rng)
        return state.x[models.places[models.best()[0]]]

    def _observed(self, state: Archive) -> Observed:
        """The outcomes of one budget, or of all at the loss of the largest."""
        loss = state.losses.sum(1)
        finite = np.isfinite(loss)
        if not (self.joint and len(np.unique(state.budget[finite])) > 1):
            enough = self._initial(state.space)
            return Observed(state, at_level(state.budget, loss, enough), None)
        budget = state.budget / state.budget[finite].max()
        level = 1 - np.log(budget) / np.log(budget[finite].min())
        return Observed(aligned(state), finite, level)

    def _models(
        self,
        observed: Observed,
        pending: Float64[np.ndarray, "m d"],
        rng: np.random.Generator,
        *,
        by_cost: bool = False,
    ) -> Models:
        return build(
            observed.archive,
            observed.marks,
            pending,
            most=self.max_observations,
            by_cost=by_cost,
            bent=self.input_warping,
            rng=rng,
            level=observed.level,
        )

    def _initial(self, space: Space) -> int:
        return max(5, space.dim + 1) if self.initial is None else self.initial

    def _first(
        self,
        state: Archive,
        count: int,
        seen: set[bytes],
        known: int,
        rng: np.random.Generator,
    ) -> Float64[np.ndarray, "n d"]:
        space = state.space
        if not count:
            return np.zeros((0, space.dim))
        if space.has_prior:
            return draw(space, count, seen, lambda m: space.sample_prior(m, rng), rng)
        return draw(
            space, count, seen, sequence(space.dim, int(state.seed), known), rng
        )

    def _improve(
        self,
        observed: Observed,
        pending: Float64[np.ndarray, "m d"],
        seen: set[bytes],
        n: int,
        rng: np.random.Generator,
    ) -> Float64[np.ndarray, "n d"]:
        from thalweg.surrogates import best_batch, one_thread, pool, thompson_batch

        state = observed.archive
        faith = FAITH / len(state) if state.space.has_prior else 0.0
        with one_thread():
            models = self._models(observed, pending, rng, by_cost=self.per_second)
            land = models.landscape(self.acquisition, faith=faith)
            near = models.anchors()
            one_by_one = 0 if self.acquisition == "thompson" else min(n, BELIEVED)
            x = state.x[:0]
            if one_by_one:
                x = best_batch(land, one_by_one, anchors=near, seen=seen, rng=rng)
            if len(x) == one_by_one < n:
                seen = seen | set(row_keys(x))
                rows = pool(state.space, near, seen, rng, uniform=max(POOL, 2 * n))
                more = thompson_batch(land, n - len(x), rows=rows, rng=rng)
                x = np.concatenate([x, more])
        return x


def _begun(state: Archive) -> int:
    """How many trials were told of, however often each."""
    ran = state.trial >= 0
    return len(np.unique(state.trial[ran])) + int((~ran).sum())
