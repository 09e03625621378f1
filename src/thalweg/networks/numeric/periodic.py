"""Periodic embedding: sines and cosines, a linear map, an activation (PLR).

Gorishniy et al. 2022, section 3.3, https://arxiv.org/abs/2203.05556
`lite`, one linear map for all features: Gorishniy et al. 2023,
https://arxiv.org/abs/2307.14338
"""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, UInt32

from thalweg.activations import Activation, as_activation
from thalweg.activations.vectorized import cosine, sine
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
from thalweg.networks.randomness import normal, place


class Periodic(AbstractEmbedding):
    """A learned Fourier series of each feature, in `size` units.

    The choice where targets vary fast with a number. `sigma`, the spread of the first
    frequencies, matters most.
    """

    size: int = eqx.field(static=True, default=8)  # units per feature
    frequencies: int = eqx.field(static=True, default=16)  # per feature
    lite: bool = eqx.field(static=True, default=False)
    sigma: Hyper = hyper(0.1)  # cycles per unit of the feature
    activation: Activation = eqx.field(default="relu", converter=as_activation)

    @property
    def units(self) -> int:
        return self.size

    def build(self, inputs: Inputs, *, seed: UInt32[Array, ""]) -> "PeriodicLayer":
        d, k = inputs.numeric, self.frequencies
        maps = 1 if self.lite else d
        return PeriodicLayer(
            self.sigma * normal(place(seed, 0), (d, k)),
            symmetric(place(seed, 1), (maps, 2 * k, self.size), 2 * k),
            symmetric(place(seed, 2), (maps, self.size), 2 * k),
            self.activation,
        )


class PeriodicLayer(eqx.Module):
    """See `Periodic`."""

    frequency: Float[Array, "d k"]  # cycles per unit of the feature
    kernel: Float[Array, "#d 2*k e"]
    bias: Float[Array, "#d e"]
    activation: Activation

    def __call__(self, x: Float[Array, "b d"]) -> Float[Array, "b de"]:
        cycles = as_columns(x) * self.frequency[:, :, None]
        wave = jnp.concatenate([cosine(cycles), sine(cycles)], axis=1)
        if len(self.kernel) == 1:  # a product with one kernel for all is a plain one
            y = per_feature(wave, self.kernel[0], self.bias)
        else:
            y = per_feature(wave, self.kernel, self.bias)
        return as_rows(self.activation(y))
