"""Smooth decays: exponential, inverse time, polynomial, linear."""

from dataclasses import KW_ONLY

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from thalweg.core.hyper import hyper
from thalweg.core.typing import Hyper
from thalweg.schedules.base import AbstractSchedule, progress


class Exponential(AbstractSchedule):
    """`peak * factor**(step / steps)`; whole powers only if `staircase`.

    The classic when the horizon isn't known: it never ends. The defaults fall to a
    hundredth over the horizon.
    """

    peak: Hyper = hyper()
    steps: Hyper = hyper(1.0)
    _: KW_ONLY
    factor: Hyper = hyper(0.01)
    staircase: bool = eqx.field(default=False, static=True)

    def __call__(self, step: Int[Array, ""]) -> Float[Array, ""]:
        powers = step / self.steps
        return self.peak * self.factor ** (
            jnp.floor(powers) if self.staircase else powers
        )


class InverseTime(AbstractSchedule):
    """`peak / (1 + rate * step / steps)`, the decay of stochastic approximation.

    Robbins & Monro 1951, https://doi.org/10.1214/aoms/1177729586. With `rate=lr_decay`
    and `steps=1` it is the `lr_decay` of PyTorch's AdaGrad.
    """

    peak: Hyper = hyper()
    steps: Hyper = hyper(1.0)
    _: KW_ONLY
    rate: Hyper = hyper(9.0)
    staircase: bool = eqx.field(default=False, static=True)

    def __call__(self, step: Int[Array, ""]) -> Float[Array, ""]:
        time = step / self.steps
        return self.peak / (
            1 + self.rate * (jnp.floor(time) if self.staircase else time)
        )


class Polynomial(AbstractSchedule):
    """`end + (peak - end) * (1 - step / steps)**power`, then `end`."""

    peak: Hyper = hyper()
    steps: Hyper = hyper()
    _: KW_ONLY
    power: Hyper = hyper(2.0)
    end: Hyper = hyper(0.0)

    def __call__(self, step: Int[Array, ""]) -> Float[Array, ""]:
        left = 1 - progress(step, self.steps)
        return self.end + (self.peak - self.end) * left**self.power


class Linear(AbstractSchedule):
    """A straight line from `peak` to `end`, then `end`.

    The schedule to beat when the horizon is known (Defazio et al. 2023,
    https://arxiv.org/abs/2310.07831). It may rise: `Linear(0.0, 100, end=1.0)`.
    """

    peak: Hyper = hyper()
    steps: Hyper = hyper()
    _: KW_ONLY
    end: Hyper = hyper(0.0)

    def __call__(self, step: Int[Array, ""]) -> Float[Array, ""]:
        return self.peak + (self.end - self.peak) * progress(step, self.steps)
