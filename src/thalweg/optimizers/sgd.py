"""Gradient descent: a step against the gradient; stochastic if the gradient is.

Cauchy 1847; Robbins & Monro 1951, https://doi.org/10.1214/aoms/1177729586
Departs from the latter: the learning rate is constant unless a schedule is given
(`schedules.InverseTime` is theirs).
"""

from dataclasses import KW_ONLY
from typing import ClassVar, NamedTuple

from jaxtyping import Array, Int

from thalweg.core.hyper import hyper
from thalweg.core.typing import Hyper, Params
from thalweg.optimizers.base import AbstractOptimizer
from thalweg.optimizers.leafwise import each, no_steps, with_l2


class SGDState(NamedTuple):
    count: Int[Array, ""]  # updates made


class SGD(AbstractOptimizer[SGDState]):
    """The plainest rule: a baseline, and enough where gradients are well scaled.

    Fed the gradient of the whole data set it is gradient descent. `l2` here equals
    decoupled decay.
    """

    ignores_shapes: ClassVar[bool] = True

    learning_rate: Hyper = hyper(1e-2)
    _: KW_ONLY
    l2: Hyper = hyper(0.0)

    def init(self, params: Params) -> SGDState:
        del params
        return SGDState(no_steps())

    def update(
        self, grads: Params, state: SGDState, params: Params
    ) -> tuple[Params, SGDState]:
        now = self.at(state.count)
        grads = with_l2(grads, params, now.l2)
        updates = each(lambda p, g: -now.learning_rate * g, params, grads)
        return updates, SGDState(state.count + 1)
