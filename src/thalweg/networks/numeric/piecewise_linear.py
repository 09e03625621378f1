"""Piecewise-linear embedding: where a number lies among quantiles, then a linear map.

Gorishniy et al. 2022, section 3.2, https://arxiv.org/abs/2203.05556
With `linear` the number itself has a kernel row too, and the rows of the bins start at
zero, as TabM uses it (Gorishniy et al. 2024, https://arxiv.org/abs/2410.24210).
Departs from the paper: bins that hold nothing stay, as zeros, so that every feature has
the same number of them.
"""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, UInt32

from thalweg.activations import Activation, as_activation
from thalweg.core.errors import InvalidInput
from thalweg.core.trainable import Fixed
from thalweg.networks.base import Inputs
from thalweg.networks.numeric.base import (
    AbstractEmbedding,
    as_columns,
    as_rows,
    per_feature,
    symmetric,
)
from thalweg.networks.randomness import place


def _optional_activation(value: Any) -> Activation | None:
    return None if value is None else as_activation(value)


class PiecewiseLinear(AbstractEmbedding):
    """A learned piecewise-linear function of each feature, in `size` units.

    The choice where targets jump or bend at certain values, as trees like them. Needs
    `Inputs.bins`.
    """

    size: int = eqx.field(static=True, default=8)  # units per feature
    activation: Activation | None = eqx.field(
        default=None, converter=_optional_activation
    )
    # start as a linear map of the number and learn the bends
    linear: bool = eqx.field(static=True, default=True)

    @property
    def units(self) -> int:
        return self.size

    def build(
        self, inputs: Inputs, *, seed: UInt32[Array, ""]
    ) -> "PiecewiseLinearLayer":
        if inputs.bins is None:
            raise InvalidInput(
                "A piecewise-linear embedding needs `Inputs.bins`, but got None. "
                "Give the quantile edges of the training part, or use another "
                "`numeric_embedding`."
            )
        pieces = encoding(inputs.bins)
        d, q = pieces[0].shape
        rows = 1 if self.linear else q  # that start at random
        fan = self.size if self.linear else q
        kernel = symmetric(place(seed, 0), (d, rows, self.size), fan)
        bias = symmetric(place(seed, 1), (d, self.size), fan)
        if self.linear:
            kernel = jnp.concatenate([kernel, jnp.zeros((d, q, self.size))], axis=1)
            pieces = tuple(
                jnp.concatenate([jnp.full((d, 1), value, piece.dtype), piece], axis=1)
                for value, piece in zip((0, 1, -jnp.inf, jnp.inf), pieces, strict=True)
            )
        return PiecewiseLinearLayer(kernel, bias, Fixed(pieces), self.activation)


def encoding(bins: Float[Array, "d edges"]) -> tuple[Float[Array, "d q"], ...]:
    """`(left, slope, low, high)` of the encoding `clip((x - left) * slope, low, high)`.

    A bin between equal or non-finite edges holds nothing: its encoding is 0. Of the
    others the first is open to the left and the last to the right, so that no number
    is cut off.
    """
    left, width = bins[:, :-1], jnp.diff(bins, axis=1)
    slope = 1 / jnp.where(width > 0, width, 1)
    real = (width > 0) & jnp.isfinite(width) & jnp.isfinite(slope)
    first = real & (jnp.cumsum(real, axis=1) == 1)
    last = real & (jnp.cumsum(real[:, ::-1], axis=1)[:, ::-1] == 1)
    zero = jnp.zeros_like(left)
    return (
        jnp.where(real, left, zero),
        jnp.where(real, slope, zero),
        jnp.where(first, -jnp.inf, zero),
        jnp.where(last, jnp.inf, zero + 1),
    )


class PiecewiseLinearLayer(eqx.Module):
    """See `PiecewiseLinear`."""

    kernel: Float[Array, "d q e"]
    bias: Float[Array, "d e"]
    pieces: Fixed  # of (left, slope, low, high), each Float[d, q]
    activation: Activation | None

    def __call__(self, x: Float[Array, "b d"]) -> Float[Array, "b de"]:
        left, slope, low, high = (v[:, :, None] for v in self.pieces.value)
        code = jnp.clip((as_columns(x) - left) * slope, low, high)
        y = per_feature(code, self.kernel, self.bias)
        return as_rows(y if self.activation is None else self.activation(y))
