"""Warm-up, stable, decay: the long part in the middle does not depend on the horizon.

Hu et al. 2024 (MiniCPM), section 4, https://arxiv.org/abs/2404.06395
Haegele et al. 2024, https://arxiv.org/abs/2405.18392, for the shape "1-sqrt".
Departs from them: the warm-up's first value is `peak / W`, not 0.
"""

from dataclasses import KW_ONLY
from typing import Literal

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from thalweg.core.errors import InvalidInput
from thalweg.core.hyper import hyper
from thalweg.core.typing import Hyper
from thalweg.schedules.base import AbstractSchedule, anneal, known, progress
from thalweg.schedules.warmup import risen

SHAPES = ("1-sqrt", "linear", "cosine")


class WarmupStableDecay(AbstractSchedule):
    """When one long run shall serve several horizons: resume it before the decay.

    As good as a cosine that was made for the horizon, if the decay takes a tenth to a
    fifth of it. `WarmupStableDecay(..., decay=0.9, shape="linear")` is the usual
    warm-up with a linear decay.
    """

    peak: Hyper = hyper()
    steps: Hyper = hyper()
    _: KW_ONLY
    warmup: Hyper = hyper(0.05)  # fractions of the horizon
    decay: Hyper = hyper(0.2)
    end: Hyper = hyper(0.0)
    shape: Literal["1-sqrt", "linear", "cosine"] = eqx.field(
        default="1-sqrt", static=True
    )

    def __call__(self, step: Int[Array, ""]) -> Float[Array, ""]:
        rise = jnp.round(self.warmup * self.steps)
        start = jnp.maximum(self.steps - jnp.round(self.decay * self.steps), rise)
        part = progress(step - start, jnp.maximum(self.steps - start, 1))
        warm = self.peak * risen(step, rise)
        return jnp.where(step < start, warm, self._fall(part))

    def _fall(self, part: Float[Array, ""]) -> Float[Array, ""]:
        if self.shape == "cosine":
            return anneal(self.peak, self.end, part)
        if self.shape == "1-sqrt":  # the root's derivative at 0 is infinite
            part = jnp.where(part > 0, jnp.sqrt(jnp.where(part > 0, part, 1.0)), 0.0)
        return self.peak + (self.end - self.peak) * part

    def __check_init__(self):
        if self.shape not in SHAPES:
            raise InvalidInput(
                f"`shape` must be one of {', '.join(SHAPES)}, but got {self.shape!r}."
            )
        together = self.warmup + self.decay
        if (known(together) > 1 + 1e-6).any():
            raise InvalidInput(
                "Warm-up and decay must fit in the horizon, but `warmup + decay` is "
                f"{together}. Give fractions of `steps` that add up to at most 1."
            )
