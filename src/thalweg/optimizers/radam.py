"""RAdam: Adam that waits for its second moment, whose early values vary too much.

Liu et al. 2020, Algorithm 2, https://arxiv.org/abs/1908.03265
Departs from the paper: `eps` outside the root, as in Adam (`epsilon_hat=True`: before
the bias correction, as PyTorch), and the rectified step begins where the approximated
length of the average exceeds 5 (`threshold`; the paper's pseudocode says 4, its text
and every implementation 5).
"""

from dataclasses import KW_ONLY
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from thalweg.core.hyper import hyper
from thalweg.core.typing import Hyper, Params
from thalweg.optimizers.adam import AdamState, normalised
from thalweg.optimizers.base import AbstractOptimizer
from thalweg.optimizers.leafwise import (
    each,
    root,
    squares,
    with_l2,
)


class RAdam(AbstractOptimizer[AdamState]):
    """Adam without a warm-up to tune: it has one built in.

    Plain momentum for the first few steps. `l2` is coupled, `weight_decay` decoupled
    and multiplied by the learning rate.
    """

    ignores_shapes: ClassVar[bool] = True

    learning_rate: Hyper = hyper(1e-3)
    _: KW_ONLY
    b1: Hyper = hyper(0.9)
    b2: Hyper = hyper(0.999)
    eps: Hyper = hyper(1e-8)
    threshold: Hyper = hyper(5.0)
    l2: Hyper = hyper(0.0)
    weight_decay: Hyper = hyper(0.0)
    epsilon_hat: bool = eqx.field(default=False, static=True)  # as in Adam

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
        rectified, factor = rectification(
            state.count + 1, square.weight, now.b2, now.threshold
        )

        def step(p: Array, adaptive: Array, m: Array) -> Array:
            plain = m / mean.weight
            direction = jnp.where(rectified, factor * adaptive, plain)
            return -now.learning_rate * (direction + now.weight_decay * p)

        updates = each(step, params, normalised(mean, square, eps), mean.total)
        return updates, AdamState(state.count + 1, mean, square)


def rectification(
    t: Array, weight: Float[Array, ""], b2: Hyper, threshold: Hyper
) -> tuple[Array, Float[Array, ""]]:
    """Whether the second moment can be used at step `t`, and the factor r_t then.

    `weight` is that of the average, 1 - b2^t.
    """
    longest = 2 / (1 - b2) - 1  # rho_inf
    length = longest - 2 * t * (1 - weight) / weight  # rho_t
    rectified = length > threshold
    safe = jnp.where(rectified, length, longest)
    factor = (safe - 4) * (safe - 2) * longest
    factor /= jnp.where(rectified, (longest - 4) * (longest - 2) * safe, 1.0)
    return rectified, root(jnp.where(rectified, factor, 0.0))
