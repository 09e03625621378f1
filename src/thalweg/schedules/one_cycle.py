"""One cycle: up along half a cosine, then far down along another.

Smith & Topin 2018, https://arxiv.org/abs/1708.07120
Departs from the paper as PyTorch's `OneCycleLR` does, whose values it gives: cosines
for lines, two phases for three.
"""

from dataclasses import KW_ONLY

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from thalweg.core.hyper import hyper
from thalweg.core.typing import Hyper
from thalweg.schedules.base import AbstractSchedule, anneal


class OneCycle(AbstractSchedule):
    """For short trainings at a rate that would diverge if it were constant.

    Starts at `peak / div_factor`, reaches `peak` after the first `warmup` of the
    horizon, ends at its last step at `peak / div_factor / final_div_factor`.
    """

    peak: Hyper = hyper()
    steps: Hyper = hyper()
    _: KW_ONLY
    warmup: Hyper = hyper(0.3)  # fraction of the horizon
    div_factor: Hyper = hyper(25.0)
    final_div_factor: Hyper = hyper(1e4)

    def __call__(self, step: Int[Array, ""]) -> Float[Array, ""]:
        top, last = self.warmup * self.steps - 1, self.steps - 1
        start = self.peak / self.div_factor
        end = start / self.final_div_factor
        up = jnp.clip(step / jnp.where(top > 0, top, 1), 0.0, 1.0)
        fall = jnp.where(last > top, last - top, 1)
        down = jnp.clip((step - top) / fall, 0.0, 1.0)
        return jnp.where(
            step <= top, anneal(start, self.peak, up), anneal(self.peak, end, down)
        )
