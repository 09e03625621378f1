"""Cosine annealing: plain, after a warm-up, after a flat part.

Loshchilov & Hutter 2017, equation 5 (without restarts),
https://arxiv.org/abs/1608.03983
"""

from dataclasses import KW_ONLY

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from thalweg.core.hyper import hyper
from thalweg.core.typing import Hyper
from thalweg.schedules.base import AbstractSchedule, anneal, progress


class Cosine(AbstractSchedule):
    """Half a cosine from `peak` to `end`: the first choice for a known horizon."""

    peak: Hyper = hyper()
    steps: Hyper = hyper()
    _: KW_ONLY
    end: Hyper = hyper(0.0)

    def __call__(self, step: Int[Array, ""]) -> Float[Array, ""]:
        return anneal(self.peak, self.end, progress(step, self.steps))


class WarmupCosine(AbstractSchedule):
    """A linear rise over the first `warmup` of the horizon, then a cosine.

    For adaptive methods at high rates, whose first steps are the noisiest. With
    `W = warmup * steps` whole steps of warm-up the first value is `peak / W` (never 0,
    a wasted step), the W-th is `peak`, and the cosine ends at `steps`: the horizon
    includes the warm-up.
    """

    peak: Hyper = hyper()
    steps: Hyper = hyper()
    _: KW_ONLY
    warmup: Hyper = hyper(0.1)  # fraction of the horizon
    end: Hyper = hyper(0.0)

    def __call__(self, step: Int[Array, ""]) -> Float[Array, ""]:
        rise = jnp.round(self.warmup * self.steps)
        part = progress(step - rise, jnp.maximum(self.steps - rise, 1))
        warm = self.peak * (step + 1) / jnp.maximum(rise, 1)
        return jnp.where(step < rise, warm, anneal(self.peak, self.end, part))


class FlatCosine(AbstractSchedule):
    """`peak` for the first `flat` of the horizon, then a cosine: "flat, then anneal".

    The long flat part explores, and may be cut off at several horizons to compare.
    """

    peak: Hyper = hyper()
    steps: Hyper = hyper()
    _: KW_ONLY
    flat: Hyper = hyper(0.5)  # fraction of the horizon
    end: Hyper = hyper(0.0)

    def __call__(self, step: Int[Array, ""]) -> Float[Array, ""]:
        start = jnp.round(self.flat * self.steps)
        part = progress(step - start, jnp.maximum(self.steps - start, 1))
        return anneal(self.peak, self.end, part)
