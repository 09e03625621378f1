"""Staircases: a drop every so many steps, or at given steps.

The new value holds *at* the boundary: after `boundaries=(30,)` the update number 30
(counted from 0) is the first with the smaller value, as in PyTorch and optax.
"""

from dataclasses import KW_ONLY

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from thalweg.core.errors import InvalidInput
from thalweg.core.hyper import hyper
from thalweg.core.typing import Hyper
from thalweg.schedules.base import AbstractSchedule, as_vector, known


class Step(AbstractSchedule):
    """Multiply by `factor` every `every` steps: `Step(0.1, every=30)`.

    `every` is in units of `steps`: with `Step(0.1, steps=1000)` it falls after each
    third of the training.
    """

    peak: Hyper = hyper()
    steps: Hyper = hyper(1.0)
    _: KW_ONLY
    every: Hyper = hyper(1 / 3)
    factor: Hyper = hyper(0.1)

    def __call__(self, step: Int[Array, ""]) -> Float[Array, ""]:
        period = jnp.maximum(jnp.round(self.every * self.steps), 1)
        return self.peak * self.factor ** jnp.floor(step / period)

    def __check_init__(self):
        period = self.every * self.steps
        if (known(period) < 0.5).any():
            raise InvalidInput(
                f"A drop must come after at least one step, but got every {period}. "
                "Give `every=` in steps, or the training's length as `steps=`."
            )


class MultiStep(AbstractSchedule):
    """Multiply by `factor` at given steps: `MultiStep(0.1, boundaries=(30, 60))`.

    Boundaries are in units of `steps`: by default a half and three quarters of the
    training. Their number is a shape; their values are leaves.
    """

    peak: Hyper = hyper()
    steps: Hyper = hyper(1.0)
    _: KW_ONLY
    boundaries: Float[Array, "..."] = eqx.field(
        converter=as_vector, default=(0.5, 0.75), metadata={"hyper": True}
    )
    factor: Hyper = hyper(0.1)

    def __call__(self, step: Int[Array, ""]) -> Float[Array, ""]:
        passed = step >= jnp.round(self.boundaries * self.steps)
        return self.peak * self.factor ** passed.sum()
