"""Four cosine cycles on a logarithmic clock.

Holzmueller, Grinsztajn & Steinwart 2024 (RealMLP), https://arxiv.org/abs/2407.04491:
`0.5 * (1 - cos(2 pi log2(1 + 15 t)))`, t the part of the training that lies behind.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from thalweg.core.hyper import hyper
from thalweg.core.typing import Hyper
from thalweg.schedules.base import AbstractSchedule, progress


class CosLog4(AbstractSchedule):
    """For tables, with early stopping: the rate returns to 0 at 1/15, 3/15, 7/15 and 1.

    At each zero the network is annealed, a good moment to keep its weights, and the
    next cycle lasts twice as long. The first value is 0, as in the paper.
    """

    peak: Hyper = hyper()
    steps: Hyper = hyper()

    def __call__(self, step: Int[Array, ""]) -> Float[Array, ""]:
        cycles = jnp.log2(1 + 15 * progress(step, self.steps))
        return self.peak * 0.5 * (1 - jnp.cos(2 * jnp.pi * cycles))
