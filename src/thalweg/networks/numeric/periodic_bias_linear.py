"""PBLD: cosines with a trained phase, a linear map, and the number itself.

Holzmueller et al. 2024, section 3 (RealMLP), https://arxiv.org/abs/2407.04491
"""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, UInt32

from thalweg.activations.vectorized import cosine
from thalweg.core.errors import InvalidInput
from thalweg.core.hyper import hyper
from thalweg.core.typing import Hyper
from thalweg.networks.base import Inputs
from thalweg.networks.numeric.base import (
    AbstractEmbedding,
    as_columns,
    as_rows,
    per_feature,
    symmetric,
)
from thalweg.networks.randomness import normal, place, uniform


class PeriodicBiasLinear(AbstractEmbedding):
    """A few waves of each number beside the number itself.

    Cheap, and with the number kept a safe replacement for no embedding.
    """

    size: int = eqx.field(static=True, default=4)  # units per feature, 1 the number
    frequencies: int = eqx.field(static=True, default=16)  # per feature
    sigma: Hyper = hyper(0.1)  # cycles per unit of the feature

    def __check_init__(self) -> None:
        if self.size < 2:
            raise InvalidInput(
                "`size` of a PBLD embedding must be >= 2, one unit being the number "
                f"itself, but got {self.size}."
            )

    @property
    def units(self) -> int:
        return self.size

    def build(
        self, inputs: Inputs, *, seed: UInt32[Array, ""]
    ) -> "PeriodicBiasLinearLayer":
        d, k, e = inputs.numeric, self.frequencies, self.size - 1
        return PeriodicBiasLinearLayer(
            self.sigma * normal(place(seed, 0), (d, k)),
            uniform(place(seed, 1), (d, k)) / 2,
            symmetric(place(seed, 2), (d, k, e), k),
            symmetric(place(seed, 3), (d, e), k),
        )


class PeriodicBiasLinearLayer(eqx.Module):
    """See `PeriodicBiasLinear`."""

    frequency: Float[Array, "d k"]  # cycles per unit of the feature
    phase: Float[Array, "d k"]  # cycles
    kernel: Float[Array, "d k o"]
    bias: Float[Array, "d o"]

    def __call__(self, x: Float[Array, "b d"]) -> Float[Array, "b de"]:
        number = as_columns(x)
        cycles = number * self.frequency[:, :, None] + self.phase[:, :, None]
        y = per_feature(cosine(cycles), self.kernel, self.bias)
        return as_rows(jnp.concatenate([number, y], axis=1))
