"""Cosine annealing with warm restarts (SGDR).

Loshchilov & Hutter 2017, equation 5, https://arxiv.org/abs/1608.03983
Departs from the paper: cycles last whole steps; each may have a lower peak (`factor`).
"""

from dataclasses import KW_ONLY

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from thalweg.core.errors import InvalidInput
from thalweg.core.hyper import hyper
from thalweg.core.typing import Hyper
from thalweg.schedules.base import AbstractSchedule, anneal, known


class Restarts(AbstractSchedule):
    """Half cosines one after the other: good weights at the end of each, at any time.

    `CosineAnnealingWarmRestarts(T_0, T_mult)` is `Restarts(peak, cycle=T_0,
    growth=T_mult)`. By default three cycles, each twice as long as the one before, fill
    the horizon. It never ends.
    """

    peak: Hyper = hyper()
    steps: Hyper = hyper(1.0)
    _: KW_ONLY
    cycle: Hyper = hyper(1 / 7)  # length of the first, in units of `steps`
    growth: Hyper = hyper(2.0)  # of a cycle's length over the one before
    factor: Hyper = hyper(1.0)  # of a cycle's peak over the one before
    end: Hyper = hyper(0.0)

    def __call__(self, step: Int[Array, ""]) -> Float[Array, ""]:
        number = self._number(step)
        begin, after = self._begin(number), self._begin(number + 1)
        part = (step - begin) / jnp.maximum(after - begin, 1)
        return anneal(self.peak * self.factor**number, self.end, part)

    def _number(self, step: Int[Array, ""]) -> Float[Array, ""]:
        """The number of the cycle, from 0."""
        first = step / (self.cycle * self.steps)  # steps in units of the first cycle
        grows = self.growth != 1
        ratio = jnp.where(grows, self.growth, 2.0)
        many = jnp.log1p(jnp.maximum(first * (ratio - 1), 0)) / jnp.log(ratio)
        number = jnp.floor(jnp.where(grows, many, first))
        # the logarithms are not exact: at a boundary the new cycle has begun
        number += step >= self._begin(number + 1)
        return number - (step < self._begin(number))

    def _begin(self, number: Float[Array, ""]) -> Float[Array, ""]:
        """The first step of a cycle."""
        grows = self.growth != 1
        ratio = jnp.where(grows, self.growth, 2.0)
        cycles = jnp.where(grows, (ratio**number - 1) / (ratio - 1), number)
        return jnp.round(self.cycle * self.steps * cycles)

    def __check_init__(self):
        length = self.cycle * self.steps
        if (known(length) < 0.5).any():
            raise InvalidInput(
                f"A cycle must last at least one step, but got {length}. "
                "Give `cycle=` in steps, or the training's length as `steps=`."
            )
        if (known(self.growth) < 1).any():
            raise InvalidInput(
                f"`growth` must be at least 1, but got {self.growth}: cycles that "
                "shrink would soon be shorter than a step."
            )
