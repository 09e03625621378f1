"""AMSGrad: Adam whose second moment never falls.

Reddi, Kale & Kumar 2018, Algorithm 2, https://arxiv.org/abs/1904.09237
Departs from the paper, which corrects no bias and has no `eps`, as PyTorch does: the
maximum of the raw second moments is corrected afterwards. `correction="before"`
corrects before the maximum, as optax does; `correction="none"` is the paper;
`epsilon_hat=True` with the default is Keras.
"""

from dataclasses import KW_ONLY
from typing import ClassVar, Literal, NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Int

from thalweg.core.errors import InvalidInput
from thalweg.core.hyper import hyper
from thalweg.core.typing import Hyper, Params
from thalweg.optimizers.base import AbstractOptimizer
from thalweg.optimizers.leafwise import (
    Average,
    each,
    filled,
    no_steps,
    root,
    squares,
    with_l2,
)

CORRECTIONS = ("after", "before", "none")


class AMSGradState(NamedTuple):
    count: Int[Array, ""]  # t, updates made
    mean: Average  # m_t, of the gradients
    square: Average  # v_t, of their squares
    largest: Params  # the greatest v so far (bias-corrected if "before")


class AMSGrad(AbstractOptimizer[AMSGradState]):
    """Where Adam fails to settle: rare, large, informative gradients.

    Provably convergent on convex problems; in practice seldom better than Adam.
    """

    ignores_shapes: ClassVar[bool] = True

    learning_rate: Hyper = hyper(1e-3)
    _: KW_ONLY
    b1: Hyper = hyper(0.9)
    b2: Hyper = hyper(0.999)
    eps: Hyper = hyper(1e-8)
    l2: Hyper = hyper(0.0)
    correction: Literal["after", "before", "none"] = eqx.field(
        default="after", static=True
    )
    epsilon_hat: bool = eqx.field(default=False, static=True)  # as in Adam

    def init(self, params: Params) -> AMSGradState:
        mean, square = Average.empty(params), Average.empty(params)
        return AMSGradState(no_steps(), mean, square, largest=filled(params))

    def update(
        self, grads: Params, state: AMSGradState, params: Params
    ) -> tuple[Params, AMSGradState]:
        now = self.at(state.count)
        grads = with_l2(grads, params, now.l2)
        mean = state.mean.add(grads, now.b1)
        square = state.square.add(squares(grads), now.b2)
        one = jnp.ones_like(square.weight)
        before = square.weight if self.correction == "before" else one
        after = square.weight if self.correction == "after" else one
        largest = each(
            lambda u, v: jnp.maximum(u, v / before), state.largest, square.total
        )
        bias = one if self.correction == "none" else mean.weight
        rate, scale = now.learning_rate / bias, 1 / root(after)
        eps = now.eps * scale if self.epsilon_hat else now.eps
        updates = each(
            lambda p, m, u: -rate * m / (root(u) * scale + eps),
            params,
            mean.total,
            largest,
        )
        return updates, AMSGradState(state.count + 1, mean, square, largest)

    def __check_init__(self):
        if self.correction not in CORRECTIONS:
            raise InvalidInput(
                f"`correction` must be one of {', '.join(CORRECTIONS)}, "
                f"but got {self.correction!r}. PyTorch's AMSGrad is 'after'."
            )
