"""Adadelta: every weight's step is as large as its recent steps were, in its own units.

Zeiler 2012, Algorithm 1, https://arxiv.org/abs/1212.5701
Departs from the paper as PyTorch does: a learning rate multiplies the step; 1 is the
paper's.
"""

from dataclasses import KW_ONLY
from typing import ClassVar, NamedTuple

from jaxtyping import Array, Int

from thalweg.core.hyper import hyper
from thalweg.core.typing import Hyper, Params
from thalweg.optimizers.base import AbstractOptimizer
from thalweg.optimizers.leafwise import (
    each,
    filled,
    no_steps,
    root,
    squares,
    with_l2,
)


class AdadeltaState(NamedTuple):
    count: Int[Array, ""]  # updates made
    square: Params  # E[g^2]
    moved: Params  # E[dx^2], of the steps before the learning rate


class Adadelta(AbstractOptimizer[AdadeltaState]):
    """Of historical interest: no rate to tune, but slow to begin.

    Its first steps are as small as `eps` makes them.
    """

    ignores_shapes: ClassVar[bool] = True

    learning_rate: Hyper = hyper(1.0)
    _: KW_ONLY
    b2: Hyper = hyper(0.9)  # rho, of both averages
    eps: Hyper = hyper(1e-6)
    l2: Hyper = hyper(0.0)

    def init(self, params: Params) -> AdadeltaState:
        return AdadeltaState(no_steps(), filled(params), filled(params))

    def update(
        self, grads: Params, state: AdadeltaState, params: Params
    ) -> tuple[Params, AdadeltaState]:
        now = self.at(state.count)
        grads = with_l2(grads, params, now.l2)

        def average(old: Params, new: Params) -> Params:
            return each(lambda v, x: now.b2 * v + (1 - now.b2) * x, old, new)

        square = average(state.square, squares(grads))
        step = each(
            lambda u, v, g: root(u + now.eps) / root(v + now.eps) * g,
            state.moved,
            square,
            grads,
        )
        moved = average(state.moved, squares(step))
        updates = each(lambda p, s: -now.learning_rate * s, params, step)
        return updates, AdadeltaState(state.count + 1, square, moved)
