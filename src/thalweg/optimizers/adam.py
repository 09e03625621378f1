"""Adam: the gradient's mean over the root of its mean square, both free of bias.

Kingma & Ba 2015, Algorithm 1, https://arxiv.org/abs/1412.6980
Departs from the paper: nothing (`epsilon_hat=True` is the form at the end of its
section 2, which Keras uses: `eps` enters before the bias correction). When a beta
follows a schedule, the correction is by the weight that the averages really have.
"""

from dataclasses import KW_ONLY
from typing import ClassVar, NamedTuple

import equinox as eqx
from jaxtyping import Array, Int

from thalweg.core.hyper import hyper
from thalweg.core.typing import Hyper, Params
from thalweg.optimizers.base import AbstractOptimizer
from thalweg.optimizers.leafwise import (
    Average,
    each,
    no_steps,
    root,
    squares,
    with_l2,
)


class AdamState(NamedTuple):
    count: Int[Array, ""]  # t, updates made
    mean: Average  # m_t, of the gradients
    square: Average  # v_t, of their squares

    @staticmethod
    def empty(params: Params) -> "AdamState":
        """Before the first gradient."""
        return AdamState(no_steps(), Average.empty(params), Average.empty(params))


class Adam(AbstractOptimizer[AdamState]):
    """Robust to badly scaled gradients: a safe choice without weight decay.

    `l2` is coupled: the division shrinks it where gradients are large, so for
    regularization prefer `AdamW`.
    """

    ignores_shapes: ClassVar[bool] = True

    learning_rate: Hyper = hyper(1e-3)
    _: KW_ONLY
    b1: Hyper = hyper(0.9)
    b2: Hyper = hyper(0.999)
    eps: Hyper = hyper(1e-8)
    l2: Hyper = hyper(0.0)
    epsilon_hat: bool = eqx.field(default=False, static=True)

    def init(self, params: Params) -> AdamState:
        return AdamState.empty(params)

    def update(
        self, grads: Params, state: AdamState, params: Params
    ) -> tuple[Params, AdamState]:
        now = self.at(state.count)
        grads = with_l2(grads, params, now.l2)
        mean = state.mean.add(grads, now.b1)
        square = state.square.add(squares(grads), now.b2)
        eps = now.eps / root(square.weight) if self.epsilon_hat else now.eps
        direction = normalised(mean, square, eps)
        updates = each(lambda p, d: -now.learning_rate * d, params, direction)
        return updates, AdamState(state.count + 1, mean, square)


def normalised(mean: Average, square: Average, eps: Hyper) -> Params:
    """`m_hat / (sqrt(v_hat) + eps)`."""
    scale = 1 / root(square.weight)  # scalars first: one division per weight is left
    return each(
        lambda m, v: m / (mean.weight * (root(v) * scale + eps)),
        mean.total,
        square.total,
    )
