"""AdaGrad: each weight's rate falls with the sum of its squared gradients.

Duchi, Hazan & Singer 2011, Figure 1 (diagonal),
https://jmlr.org/papers/v12/duchi11a.html Departs from the paper: `eps` is added to the
root of a sum that starts at 0, as in PyTorch. optax and Keras:
`initial_accumulator=0.1, eps_inside=True`. PyTorch's `lr_decay` is
`learning_rate=schedules.InverseTime(rate, rate=lr_decay)`.
"""

from dataclasses import KW_ONLY
from typing import ClassVar, NamedTuple

import equinox as eqx
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


class AdaGradState(NamedTuple):
    count: Int[Array, ""]  # updates made
    total: Params  # sum of squared gradients


class AdaGrad(AbstractOptimizer[AdaGradState]):
    """For sparse gradients (embeddings, rare categories) and convex problems.

    Its steps only ever shrink: too soon for long trainings of deep networks.
    """

    ignores_shapes: ClassVar[bool] = True

    learning_rate: Hyper = hyper(1e-2)
    _: KW_ONLY
    eps: Hyper = hyper(1e-10)
    initial_accumulator: Hyper = hyper(0.0)
    l2: Hyper = hyper(0.0)
    eps_inside: bool = eqx.field(default=False, static=True)

    def init(self, params: Params) -> AdaGradState:
        start = self.at(no_steps()).initial_accumulator
        return AdaGradState(no_steps(), total=filled(params, start))

    def update(
        self, grads: Params, state: AdaGradState, params: Params
    ) -> tuple[Params, AdaGradState]:
        now = self.at(state.count)
        grads = with_l2(grads, params, now.l2)
        total = each(lambda s, gg: s + gg, state.total, squares(grads))

        def step(p: Array, g: Array, s: Array) -> Array:
            size = root(s + now.eps) if self.eps_inside else root(s) + now.eps
            return -now.learning_rate * g / size

        return each(step, params, grads, total), AdaGradState(state.count + 1, total)
