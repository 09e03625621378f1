"""AdamW: Adam with decoupled weight decay.

Kingma & Ba 2015, Algorithm 1, https://arxiv.org/abs/1412.6980
Loshchilov & Hutter 2019, Algorithm 2, https://arxiv.org/abs/1711.05101
Departs from the latter as PyTorch, optax and Keras do: the decay is multiplied by the
learning rate. With `independent=True` it isn't, as in the paper, whose schedule
multiplier belongs then into `weight_decay` (a schedule) as well.
"""

from dataclasses import KW_ONLY
from typing import ClassVar

import equinox as eqx

from thalweg.core.hyper import hyper
from thalweg.core.typing import Hyper, Params
from thalweg.optimizers.adam import AdamState, normalised
from thalweg.optimizers.base import AbstractOptimizer
from thalweg.optimizers.leafwise import (
    each,
    root,
    squares,
)


class AdamW(AbstractOptimizer[AdamState]):
    """The default first choice: robust to scale, and regularized as one expects.

    Decay biases and normalisation scales less: see `optimizers.decay_only`.
    """

    ignores_shapes: ClassVar[bool] = True

    learning_rate: Hyper = hyper(1e-3)
    _: KW_ONLY
    b1: Hyper = hyper(0.9)
    b2: Hyper = hyper(0.999)
    eps: Hyper = hyper(1e-8)
    weight_decay: Hyper = hyper(1e-2)
    independent: bool = eqx.field(default=False, static=True)
    epsilon_hat: bool = eqx.field(default=False, static=True)  # as in Adam

    def init(self, params: Params) -> AdamState:
        return AdamState.empty(params)

    def update(
        self, grads: Params, state: AdamState, params: Params
    ) -> tuple[Params, AdamState]:
        now = self.at(state.count)
        mean = state.mean.add(grads, now.b1)
        square = state.square.add(squares(grads), now.b2)
        eps = now.eps / root(square.weight) if self.epsilon_hat else now.eps
        direction = normalised(mean, square, eps)
        rate = now.learning_rate
        decay = now.weight_decay if self.independent else rate * now.weight_decay
        updates = each(lambda p, d: -(rate * d + decay * p), params, direction)
        return updates, AdamState(state.count + 1, mean, square)
