"""Sharpness-aware minimization: the gradient from the worst point nearby.

Foret et al. 2021, Algorithm 1, https://arxiv.org/abs/2010.01412
`adaptive`: Kwon et al. 2021 (ASAM), equation 8, https://arxiv.org/abs/2102.11600
Departs from the papers: ASAM's element-wise operator is `|w|`, without their eta.
"""

from dataclasses import KW_ONLY, replace
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from thalweg.core.hyper import hyper
from thalweg.core.typing import Hyper, Params
from thalweg.optimizers.base import AbstractOptimizer
from thalweg.optimizers.clipping import global_norm
from thalweg.optimizers.leafwise import each, no_steps
from thalweg.optimizers.objective import Objective, Value
from thalweg.optimizers.wrapper import AbstractWrapper


class SAMState(eqx.Module):
    count: Int[Array, ""]  # updates made
    inner: Any  # the optimizer's state


class SAM(AbstractWrapper[SAMState]):
    """Flat minima, which generalise better; each step costs two gradients.

    `rho` is the distance to the worst point: 0.05 is usual, 0.5 to 2 where
    `adaptive`, whose distance is relative to each weight.
    """

    ignores_shapes: ClassVar[bool] = True
    looks_further: ClassVar[bool] = True

    optimizer: AbstractOptimizer[Any]
    rho: Hyper = hyper(0.05)
    _: KW_ONLY
    adaptive: bool = eqx.field(default=False, static=True)

    def init(self, params: Params) -> SAMState:
        return SAMState(no_steps(), self.optimizer.init(params))

    def step(
        self, objective: Objective, state: SAMState, params: Params
    ) -> tuple[Value, Params, SAMState]:
        objective.must_be_anywhere(self)
        rho = self.at(state.count).rho

        def sharp(params: Params) -> tuple[Value, Params]:
            value, grads = objective.value_and_grad(params)
            worst = each(lambda p, e: p + rho * e, params, self._ascent(grads, params))
            return value, objective.value_and_grad(worst)[1]

        value, updates, inner = self.optimizer.step(
            replace(objective, value_and_grad=sharp), state.inner, params
        )
        return value, updates, SAMState(state.count + 1, inner)

    def _ascent(self, grads: Params, params: Params) -> Params:
        """The steepest direction, of length 1 in the norm of the neighbourhood."""
        if self.adaptive:
            grads = jax.tree.map(lambda g, p: jnp.abs(p) * g, grads, params)
        norm = global_norm(grads)
        scale = jnp.where(norm > 0, 1 / jnp.where(norm > 0, norm, 1.0), 0.0)
        if not self.adaptive:
            return jax.tree.map(lambda g: g * scale, grads)
        return jax.tree.map(lambda g, p: jnp.abs(p) * g * scale, grads, params)
