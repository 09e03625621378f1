"""Bayesian optimization over spaces of choices, such as the cells of an architecture.

Expected improvement under a Gaussian process: Jones et al. 1998,
https://doi.org/10.1023/A:1008306431147; its logarithm: Ament et al. 2023,
https://arxiv.org/abs/2310.20708
The kernel is a sum of one on the values in their places, with a weight for each
dimension and for each value, one on how often each value occurs, and one on the
features of an encoding if there is one. With Weisfeiler-Lehman features of the cell's
graph that is NAS-BOWL (Ru et al. 2021, https://arxiv.org/abs/2006.07556).
Departs from the latter: Matérn kernels of weighted features instead of dot products,
and batches by believing the predicted means.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, TypeAlias

import equinox as eqx
import numpy as np
from jaxtyping import Float64, Int64

from thalweg.core.errors import InvalidInput
from thalweg.core.rng import generator
from thalweg.core.typing import Key
from thalweg.proposers.archive import Archive
from thalweg.proposers.base import AbstractProposer, Outcome, Proposal
from thalweg.proposers.evenly_first import evenly_first
from thalweg.proposers.modelled import at_level, scalar_loss
from thalweg.proposers.variation import mutated
from thalweg.spaces import Space, first_unseen

if TYPE_CHECKING:
    from thalweg.surrogates import Field

Encoding: TypeAlias = Callable[[np.ndarray], np.ndarray]  # [n, d] -> [n, f]

FITTED = 120  # observations that settle the kernel's parameters, at most
UNIFORM = 1200  # rows of the pool drawn from the whole space
ANCHORS = 6  # best configurations, around which the pool is dense
NEARBY = 150  # rows around each
ROUNDS = 2  # in which the pool's best rows are changed in one place
KEPT = 200  # rows of the pool that the next round keeps, at least
CLIMBERS = 8  # rows that are changed, each
CHANGES = 30  # times


class ChoiceGaussianProcess(AbstractProposer[Archive]):
    """The best use of 10 to 1,000 trials where all or most dimensions are choices.

    Begins with `initial` points of a Sobol sequence, half of them of users' priors if
    there are any. `encoding` maps canonical rows `[n, d]` to features `[n, f]` in which
    similar architectures are close (see `thalweg.cells`); without one, places
    and numbers of values have to do.
    Continuous dimensions are only sampled: where they prevail, use `GaussianProcess`.
    Beyond `max_observations` the model is of a third that is best, a third that is
    latest and a random rest. If trials have budgets, it is of the largest budget that
    `initial` finite losses are known of. Several objectives are weighed anew in each
    ask (ParEGO); what breaks a constraint counts as failed.
    """

    initial: int = 6
    max_observations: int = 400
    encoding: Encoding | None = eqx.field(default=None, static=True)

    rank_based: ClassVar[bool] = False
    multi_fidelity: ClassVar[bool] = False
    objectives: ClassVar[int | None] = None

    def __check_init__(self) -> None:
        if self.initial < 1:
            raise InvalidInput(f"`initial` must be at least 1, but got {self.initial}.")
        if self.max_observations < 10:
            raise InvalidInput(
                "`max_observations` must be at least 10, but got "
                f"{self.max_observations}."
            )

    def init(self, space: Space, *, key: Key) -> Archive:
        """Nothing told."""
        return Archive.empty(space, key=key)

    def propose(self, state: Archive, n: int, *, key: Key) -> Proposal:
        """Sobol points at first, then where improvement is expected."""
        rng = generator(key)
        loss = scalar_loss(state, rng)
        modelled = at_level(state.budget, loss, self.initial)

        def improve(pending: np.ndarray, seen: set[bytes], n: int) -> np.ndarray:
            told, y = state.x[modelled], loss[modelled]
            return self._improve(state.space, told, y, pending, seen, n, rng)

        found = improve if modelled.sum() >= 2 else None
        return evenly_first(state, n, found, initial=self.initial, rng=rng)

    def expect(self, state: Archive, proposal: Proposal) -> Archive:
        """The rows are pending: believed at their predicted means."""
        return state.expect(proposal)

    def tell(self, state: Archive, outcome: Outcome) -> Archive:
        """Observations to be modelled by the next `propose`."""
        return state.tell(outcome)

    def recommend(self, state: Archive) -> Float64[np.ndarray, " d"] | None:
        """Of the lowest mean; None before two finite losses are known."""
        rng = np.random.default_rng(int(state.seed))
        loss = scalar_loss(state, rng)
        modelled = np.flatnonzero(at_level(state.budget, loss, self.initial))
        if np.isfinite(loss[modelled]).sum() < 2:
            return None
        from thalweg.surrogates import one_thread

        with one_thread():
            model = _Model(self, state.space, state.x[modelled], loss[modelled], rng)
            mean = model.field(state.x[modelled], state.pending[:0]).mean
        mean = np.where(np.isfinite(loss[modelled]), mean, np.inf)
        return state.x[modelled[np.argmin(mean)]]

    def _improve(
        self,
        space: Space,
        x: Float64[np.ndarray, "n d"],
        loss: Float64[np.ndarray, " n"],
        pending: Float64[np.ndarray, "m d"],
        seen: set[bytes],
        n: int,
        rng: np.random.Generator,
    ) -> Float64[np.ndarray, "k d"]:
        from thalweg.surrogates import log_expected_improvement

        model = _Model(self, space, x, loss, rng)
        mean = model.field(np.concatenate([model.x, pending]), pending).mean
        order = np.argsort(mean[: len(model.x)], kind="stable")
        around = np.repeat(model.x[order[:ANCHORS]], NEARBY, axis=0)
        pool = np.concatenate(
            [
                space.canonical(rng.random((UNIFORM, space.dim))),
                mutated(space, around, rng, rate=1 / max(space.dim, 1)),
            ]
        )
        for _ in range(ROUNDS):
            pool = pool[first_unseen(pool, seen)]
            field = model.field(pool, pending)
            score = log_expected_improvement(
                field.mean, np.sqrt(field.variance), mean.min()
            )
            order = np.argsort(-score, kind="stable")
            near = np.repeat(pool[order[:CLIMBERS]], CHANGES, axis=0)
            pool = pool[order[: max(KEPT, 2 * n)]]
            pool = np.concatenate([pool, mutated(space, near, rng)])
        pool = pool[first_unseen(pool, seen)]
        return pool[_batch(model.field(pool, pending), float(mean.min()), n)]


class _Model:
    """The process at the observations that are modelled."""

    def __init__(
        self,
        proposer: ChoiceGaussianProcess,
        space: Space,
        x: Float64[np.ndarray, "n d"],
        loss: Float64[np.ndarray, " n"],
        rng: np.random.Generator,
    ):
        from thalweg.proposers.modelling import settled, subset
        from thalweg.surrogates import SumOfKernels, Views, warp

        y = warp(loss)
        rows = subset(_ranks(y), proposer.max_observations, rng)
        self.x, self.y = x[rows], y[rows]
        self.views = Views(space, proposer.encoding)
        self.features = self.views.features(self.x)
        self.sums = SumOfKernels(self.views.all)
        first = settled(len(x))
        y = warp(loss[:first])
        few = subset(_ranks(y), FITTED, np.random.default_rng(first))
        self.theta = _fitted(
            space, proposer.encoding, x[few].tobytes(), y[few].tobytes()
        )

    def field(
        self, rows: Float64[np.ndarray, "k d"], pending: Float64[np.ndarray, "m d"]
    ) -> "Field":
        """Means and variances at rows, given observations and what is pending."""
        from thalweg.surrogates import Field

        return Field(
            self.sums,
            self.theta,
            self.views.features(rows),
            observed=self.features,
            y=self.y,
            pending=self.views.features(pending),
        )


@lru_cache(maxsize=64)
def _fitted(
    space: Space, encoding: Encoding | None, rows: bytes, targets: bytes
) -> Float64[np.ndarray, " q"]:
    """The kernel's parameters, remembered: asks of one moment share the work."""
    from thalweg.surrogates import SumOfKernels, Views

    views, y = Views(space, encoding), np.frombuffer(targets)
    features = views.features(np.frombuffer(rows).reshape(len(y), space.dim))
    theta = SumOfKernels(views.all).fit(features, y)
    theta.setflags(write=False)
    return theta


def _ranks(y: Float64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
    return np.argsort(np.argsort(y, kind="stable"), kind="stable")


def _batch(field: "Field", best: float, n: int) -> list[int]:
    """The row of the largest expected improvement, then given that row, and so on."""
    from thalweg.surrogates import log_expected_improvement

    chosen: list[int] = []
    free = np.ones(len(field.mean), bool)
    while len(chosen) < n and free.any():
        score = log_expected_improvement(field.mean, np.sqrt(field.variance), best)
        i = int(np.argmax(np.where(free, score, -np.inf)))
        free[i] = False
        chosen.append(i)
        best = min(best, float(field.mean[i]))
        if len(chosen) < n:
            field.believe(i)
    return chosen
