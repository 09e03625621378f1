"""REX, reflected exponential: slow at first, then ever faster to the end.

Chen, Wolfe & Kyrillidis 2022, section 3, https://arxiv.org/abs/2107.04197:
`peak * (1 - t) / (1/2 + 1/2 (1 - t))`, t the part of the training that lies behind.
Departs from the paper: nothing (the rate is taken anew at every step).
"""

from dataclasses import KW_ONLY

from jaxtyping import Array, Float, Int

from thalweg.core.hyper import hyper
from thalweg.core.typing import Hyper
from thalweg.schedules.base import AbstractSchedule, progress


class REX(AbstractSchedule):
    """For budgets that may be short or long: above the line, below the flat schedules.

    Where a linear decay is at its half, REX is at two thirds of `peak`.
    """

    peak: Hyper = hyper()
    steps: Hyper = hyper()
    _: KW_ONLY
    end: Hyper = hyper(0.0)

    def __call__(self, step: Int[Array, ""]) -> Float[Array, ""]:
        left = 1 - progress(step, self.steps)
        return self.end + (self.peak - self.end) * 2 * left / (1 + left)
