"""MOBSTER: ASHA whose new trials a model of all rungs chooses, but for a random share.

Klein et al. 2020, "Model-based Asynchronous Hyperparameter and Neural Architecture
Search", section 3, https://arxiv.org/abs/2003.10865
Departs from the paper: a Matérn kernel over budgets too, after the rungs' losses were
brought to one level (`modelled.aligned`); Thompson sampling, whose batches stay spread
where losses are noisy, or expected improvement per second (Snoek et al. 2012, section
3.2, https://arxiv.org/abs/1206.2944); a share of the new trials is random, as in BOHB,
which the lowest rung makes cheap.
"""

from typing import Any

from thalweg.proposers.asha import AbstractASHA
from thalweg.proposers.base import AbstractProposer
from thalweg.proposers.bohb import Interleaved
from thalweg.proposers.gp import GaussianProcess
from thalweg.proposers.halving import depth

INITIAL = 15  # trials before the model
SHARE = 0.2  # of the later ones that are random


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
        min_budget: int | float = 1 / 25,
        factor: int | float = 5,
        sampler: AbstractProposer[Any] | None = None,
        per_second: bool = False,  # of the sampler, where none is given
    ):
        if sampler is None:
            model = GaussianProcess(
                initial=INITIAL,
                acquisition="log_ei" if per_second else "thompson",
                per_second=per_second,
                joint=True,
            )
            sampler = Interleaved(model, share=SHARE)
        self.min_budget, self.factor, self.sampler = min_budget, factor, sampler

    def __check_init__(self) -> None:
        depth(self.min_budget, self.factor)
