"""Weight decay around any rule: decoupled, independent of the rate, or cautious.

Loshchilov & Hutter 2019, Algorithm 2, https://arxiv.org/abs/1711.05101
`cautious`: Chen et al. 2025, Algorithm 1, https://arxiv.org/abs/2510.12402
Departs from the first as `AdamW` does here: the decay is multiplied by the learning
rate, unless `independent`.
"""

from dataclasses import KW_ONLY
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Int

from thalweg.core.errors import InvalidInput
from thalweg.core.hyper import hyper
from thalweg.core.typing import Hyper, Params
from thalweg.optimizers.base import AbstractOptimizer
from thalweg.optimizers.clipping import AbstractTransform
from thalweg.optimizers.leafwise import each, no_steps
from thalweg.optimizers.objective import Objective, Value
from thalweg.optimizers.wrapper import AbstractWrapper


class DecayState(eqx.Module):
    count: Int[Array, ""]  # updates made
    inner: Any  # the optimizer's state


class Decay(AbstractWrapper[DecayState]):
    """Weights shrink by `rate * weight_decay` at each step, beside the rule's update.

    **independent**: by `weight_decay` itself, whatever the rate: then it stays as good
    when the rate is tuned, and is a hundred or a thousand times smaller. **cautious**:
    only weights that the update makes smaller anyway. (Coupled decay is a rule's `l2`,
    or `chain(AddL2(1e-4), rule)`.)
    """

    ignores_shapes: ClassVar[bool] = True

    optimizer: AbstractOptimizer[Any]
    weight_decay: Hyper = hyper(1e-2)
    _: KW_ONLY
    independent: bool = eqx.field(default=False, static=True)
    cautious: bool = eqx.field(default=False, static=True)

    def init(self, params: Params) -> DecayState:
        return DecayState(no_steps(), self.optimizer.init(params))

    def step(
        self, objective: Objective, state: DecayState, params: Params
    ) -> tuple[Value, Params, DecayState]:
        share = self.at(state.count).weight_decay
        if not self.independent:
            share = share * self._rate(state.inner)
        value, updates, inner = self.optimizer.step(objective, state.inner, params)

        def decayed(u: Array, p: Array) -> Array:
            shrinks = u * p <= 0 if self.cautious else jnp.asarray(True)
            return u - jnp.where(shrinks, share * p, 0.0)

        updates = each(decayed, updates, params)
        return value, updates, DecayState(state.count + 1, inner)

    def _rate(self, inner: Any) -> Array:
        """What the next update multiplies by; a rule's own estimate, if it has one."""
        values = self.optimizer.current(inner)
        if "learning_rate" not in values:
            raise InvalidInput(
                f"{type(self.optimizer).__name__} has no one learning rate, which a "
                "decay is multiplied by. Put the decay inside, around each rule, or "
                "use `independent=True`."
            )
        rate = values["learning_rate"]
        estimate = values.get("effective_learning_rate", rate)
        # among alternatives, NaN stands for what the one in use does not have
        return jnp.where(jnp.isnan(estimate), rate, estimate)


class AddL2(AbstractTransform):
    """Coupled decay for a rule without `l2`: the gradient of `strength / 2 * |w|^2`.

    It passes what comes after it: an adaptive rule divides it by the gradient's size.
    """

    ignores_shapes: ClassVar[bool] = True

    strength: Hyper = hyper(1e-4)

    def __call__(self, grads: Params, params: Params) -> Params:
        return each(lambda g, p: g + self.strength * p, grads, params)
