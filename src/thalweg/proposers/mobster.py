"""MOBSTER: ASHA whose new trials a model of all rungs chooses, but for a random share.

Klein et al. 2020, "Model-based Asynchronous Hyperparameter and Neural Architecture
Search", section 3, https://arxiv.org/abs/2003.10865
Departs from the paper: not one process over rows and budgets, but one of each trial's
loss, taken to the largest budget (`modelled.completed`); Thompson sampling, whose
batches stay spread where losses are noisy, or expected improvement per second (Snoek et
al. 2012, section 3.2, https://arxiv.org/abs/1206.2944); a third of the new trials is
random, as in BOHB, which the lowest rung makes cheap.
"""

from typing import Any, ClassVar

import equinox as eqx

from thalweg.core.typing import Key
from thalweg.proposers.archive import Archive
from thalweg.proposers.asha import AbstractASHA
from thalweg.proposers.base import AbstractProposer, Outcome, Proposal
from thalweg.proposers.bohb import Interleaved
from thalweg.proposers.gp import GaussianProcess
from thalweg.proposers.halving import depth
from thalweg.proposers.modelled import completed
from thalweg.spaces import Space


class OfAllRungs(AbstractProposer[Archive]):
    """A model's proposals, from every trial and not from those that went furthest.

    Alone, a model sees the largest budget that enough trials reached: survivors, all of
    them good, so that it stays with the first choice of an optimizer that was.
    """

    model: AbstractProposer[Archive] = eqx.field(
        default_factory=lambda: GaussianProcess(acquisition="thompson")
    )

    rank_based: ClassVar[bool] = False
    multi_fidelity: ClassVar[bool] = False
    objectives: ClassVar[int | None] = None

    def init(self, space: Space, *, key: Key) -> Archive:
        """Nothing told."""
        return self.model.init(space, key=key)

    def propose(self, state: Archive, n: int, *, key: Key) -> Proposal:
        """The model's, which takes all trials for trained as long as the longest."""
        return self.model.propose(completed(state), n, key=key)

    def expect(self, state: Archive, proposal: Proposal) -> Archive:
        """The rows are pending."""
        return self.model.expect(state, proposal)

    def tell(self, state: Archive, outcome: Outcome) -> Archive:
        """Observations at their own budgets."""
        return self.model.tell(state, outcome)


class MOBSTER(AbstractASHA):
    """For time that is short, where the first part of a training tells good from bad.

    Promotes as `ASHA` does, and begins where the trials before were good. It suits
    some dozens to some thousand trials; for more, or for an `ask` in no time, `ASHA`.
    Where slow beginners win in the end it errs as all rungs do. With `per_second` the
    model's improvement counts by the seconds of a full training, which pays where
    networks differ in size; the same seed then gives other trials on another machine.
    """

    min_budget: int | float  # fraction of a full training
    factor: int | float
    sampler: AbstractProposer[Any]

    def __init__(
        self,
        min_budget: int | float = 1 / 27,
        factor: int | float = 3,
        sampler: AbstractProposer[Any] | None = None,
        per_second: bool = False,  # of the sampler, where none is given
    ):
        if sampler is None:
            quick = OfAllRungs(GaussianProcess(per_second=True))
            sampler = Interleaved(quick if per_second else OfAllRungs())
        self.min_budget, self.factor, self.sampler = min_budget, factor, sampler

    def __check_init__(self) -> None:
        depth(self.min_budget, self.factor)
