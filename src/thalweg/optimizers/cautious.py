"""Cautious updates: leave out the entries that would go against the gradient.

Liang et al. 2024, Algorithm 1, https://arxiv.org/abs/2411.16085
Departs from the paper as its authors' program does: what is left is divided by its
share in the tensor, at least `least`, where the paper adds 1 to the count.
"""

from dataclasses import KW_ONLY
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array

from thalweg.core.hyper import hyper
from thalweg.core.typing import Hyper, Params
from thalweg.optimizers.base import AbstractOptimizer
from thalweg.optimizers.leafwise import each
from thalweg.optimizers.objective import Objective, Value
from thalweg.optimizers.wrapper import AbstractWrapper, gradient_step


class CautiousState(eqx.Module):
    inner: Any  # the optimizer's state


class Cautious(AbstractWrapper[CautiousState]):
    """For any rule with momentum: often faster, with the same hyper-parameters.

    All of the update is meant, a decay too: with AdamW, keep the decay outside, as
    `Decay(Cautious(Adam()), 1e-2)`.
    """

    optimizer: AbstractOptimizer[Any]
    _: KW_ONLY
    least: Hyper = hyper(1e-3)  # share of entries that is divided by

    def init(self, params: Params) -> CautiousState:
        return CautiousState(self.optimizer.init(params))

    def step(
        self, objective: Objective, state: CautiousState, params: Params
    ) -> tuple[Value, Params, CautiousState]:
        value, grads, updates, inner = gradient_step(
            self.optimizer, objective, state.inner, params
        )

        def agreeing(u: Array, g: Array) -> Array:
            agrees = (u * g < 0).astype(jnp.promote_types(u.dtype, jnp.float32))
            share = jnp.maximum(agrees.sum() / max(u.size, 1), self.least)
            return u * agrees / share

        return value, each(agreeing, updates, grads), CautiousState(inner)
