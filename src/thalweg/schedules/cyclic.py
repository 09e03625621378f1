"""Cyclical rates: up and down along lines, again and again.

Smith 2017, sections 3 and 3.2, https://arxiv.org/abs/1506.01186
Departs from the paper: cycles and tops fall on whole steps. Its policies are settings:
"triangular" is the default, "triangular2" is `factor=0.5`, "exp_range" is
`factor=gamma**cycle, staircase=False`.
"""

from dataclasses import KW_ONLY

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from thalweg.core.errors import InvalidInput
from thalweg.core.hyper import hyper
from thalweg.core.typing import Hyper
from thalweg.schedules.base import AbstractSchedule, known


class Cyclic(AbstractSchedule):
    """Between `peak / div_factor` and `peak`: where no single rate serves all along.

    A cycle is two of the paper's step sizes. The bounds are what a range test finds.
    It never ends.
    """

    peak: Hyper = hyper()
    steps: Hyper = hyper(1.0)
    _: KW_ONLY
    cycle: Hyper = hyper(0.25)  # length, in units of `steps`
    up: Hyper = hyper(0.5)  # the part of a cycle that rises
    div_factor: Hyper = hyper(4.0)
    factor: Hyper = hyper(1.0)  # of the swing, per cycle
    staircase: bool = eqx.field(default=True, static=True)  # whole cycles only

    def __call__(self, step: Int[Array, ""]) -> Float[Array, ""]:
        period = jnp.maximum(jnp.round(self.cycle * self.steps), 1)
        number = jnp.floor(step / period)
        here, top = step - number * period, jnp.round(self.up * period)
        rising = here / jnp.maximum(top, 1)
        falling = (period - here) / jnp.maximum(period - top, 1)
        low = self.peak / self.div_factor
        swing = self.factor ** (number if self.staircase else step / period)
        height = jnp.where(here < top, rising, falling)
        return low + (self.peak - low) * swing * height

    def __check_init__(self):
        length = self.cycle * self.steps
        if (known(length) < 0.5).any():
            raise InvalidInput(
                f"A cycle must last at least one step, but got {length}. "
                "Give `cycle=` in steps, or the training's length as `steps=`."
            )
