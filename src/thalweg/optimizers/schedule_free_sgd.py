"""Schedule-Free SGD: momentum by averaging, no schedule.

Defazio et al. 2024, equations 3 to 5, https://arxiv.org/abs/2405.15682
Departs from the paper as `schedule_free_adamw.py` says.
"""

from dataclasses import KW_ONLY
from typing import ClassVar, NamedTuple

from jaxtyping import Array, Int

from thalweg.core.hyper import hyper
from thalweg.core.typing import Hyper, Params
from thalweg.optimizers.base import AbstractOptimizer
from thalweg.optimizers.leafwise import no_steps, with_l2
from thalweg.optimizers.schedule_free_adamw import Averaged


class ScheduleFreeSGDState(NamedTuple):
    count: Int[Array, ""]  # t, updates made
    averaged: Averaged


class ScheduleFreeSGD(AbstractOptimizer[ScheduleFreeSGDState]):
    """For trainings of unknown length with SGD; rates are 10 to 50 times SGD's.

    Give it a warm-up and no other schedule. Predict with `solution`.
    """

    ignores_shapes: ClassVar[bool] = True

    learning_rate: Hyper = hyper(1.0)
    _: KW_ONLY
    b1: Hyper = hyper(0.9)  # of the interpolation, in the role of the momentum
    weight_decay: Hyper = hyper(0.0)
    r: Hyper = hyper(0.0)  # the average's emphasis of late iterates

    def init(self, params: Params) -> ScheduleFreeSGDState:
        return ScheduleFreeSGDState(no_steps(), Averaged.begin(params))

    def update(
        self, grads: Params, state: ScheduleFreeSGDState, params: Params
    ) -> tuple[Params, ScheduleFreeSGDState]:
        now = self.at(state.count)
        step = with_l2(grads, params, now.weight_decay)
        updates, averaged = state.averaged.move(
            params, step, now.learning_rate, now.b1, (state.count + 1) ** now.r
        )
        return updates, ScheduleFreeSGDState(state.count + 1, averaged)

    def solution(self, params: Params, state: ScheduleFreeSGDState) -> Params:
        return state.averaged.x(params, self.at(state.count).b1)
