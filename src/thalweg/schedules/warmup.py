"""Warm-ups without a decay: of a rate, and of a moving average's memory.

Goyal et al. 2017, section 2.2 ("gradual warmup"), https://arxiv.org/abs/1706.02677
Pagliardini, Ablin & Grangier 2025 (AdEMAMix), section 3, https://arxiv.org/abs/2409.03137
"""

from dataclasses import KW_ONLY

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from thalweg.core.hyper import hyper
from thalweg.core.typing import Hyper
from thalweg.schedules.base import AbstractSchedule


class Warmup(AbstractSchedule):
    """A linear rise over the first `warmup` of the horizon, then `peak` for good.

    All that a schedule-free method wants, and AdEMAMix' `alpha`: `Warmup(5.0, steps,
    warmup=1)`. With `W` whole steps of warm-up the first value is `peak / W`, and the
    W-th is `peak`.
    """

    peak: Hyper = hyper()
    steps: Hyper = hyper()
    _: KW_ONLY
    warmup: Hyper = hyper(0.1)  # fraction of the horizon

    def __call__(self, step: Int[Array, ""]) -> Float[Array, ""]:
        return self.peak * risen(step, self.warmup * self.steps)


class HalfLifeWarmup(AbstractSchedule):
    """From the decay `start` to the decay `peak`: the half-life grows along a line.

    For the decay of a moving average, such as AdEMAMix' `b3`: half-lives are what one
    notices, `log(1/2) / log(decay)` steps. A line of decays would spend nearly all of
    the warm-up on short ones.
    """

    peak: Hyper = hyper()
    steps: Hyper = hyper()  # of the warm-up
    _: KW_ONLY
    start: Hyper = hyper(0.9)

    def __call__(self, step: Int[Array, ""]) -> Float[Array, ""]:
        part = risen(step, self.steps)
        # half-lives are in proportion to 1 / log(decay)
        long, short = 1 / jnp.log(self.peak), 1 / jnp.log(self.start)
        return jnp.where(
            part < 1, jnp.exp(1 / (short + (long - short) * part)), self.peak
        )


def risen(step: Int[Array, ""], warmup: Hyper) -> Float[Array, ""]:
    """The part of a warm-up that this step makes use of: 1/W, ..., 1, 1."""
    return jnp.minimum((step + 1) / jnp.maximum(jnp.round(warmup), 1), 1.0)
