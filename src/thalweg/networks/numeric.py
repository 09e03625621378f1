"""Embeddings of numeric features: a vector for each number before the first layer.

Gorishniy et al. 2022, https://arxiv.org/abs/2203.05556 (piecewise-linear, periodic)
Holzmueller et al. 2024, https://arxiv.org/abs/2407.04491 (periodic bias linear dense)
"""

import math
from abc import abstractmethod
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float

from thalweg.activations import Activation, as_activation
from thalweg.core.errors import InvalidInput
from thalweg.core.hyper import hyper
from thalweg.core.registry import Registry
from thalweg.core.trainable import Fixed
from thalweg.core.typing import Hyper, Key
from thalweg.networks.base import Inputs


class AbstractEmbedding(eqx.Module):
    """The hyper-parameters of a numeric embedding."""

    @abstractmethod
    def width(self, numeric: int) -> int:
        """How many units `numeric` features become."""

    @abstractmethod
    def build(self, inputs: Inputs, *, key: Key) -> Any:
        """A module from `Float[b, d]` to `Float[b, width(d)]`."""


class Identity(AbstractEmbedding):
    """The numbers as they are; the fastest."""

    def width(self, numeric: int) -> int:
        return numeric

    def build(self, inputs: Inputs, *, key: Key) -> Any:
        return IdentityLayer()


class IdentityLayer(eqx.Module):
    """Numbers in, the same numbers out."""

    def __call__(self, x: Float[Array, "b d"]) -> Float[Array, "b d"]:
        return x


class PiecewiseLinear(AbstractEmbedding):
    """Where a number lies among quantiles, then a linear map of each feature's own.

    The choice where targets jump or bend at certain values, as trees like them. Needs
    `Inputs.bins`.
    """

    size: int = eqx.field(static=True, default=8)  # units per feature
    activation: Activation | None = eqx.field(
        default=None, converter=lambda a: None if a is None else as_activation(a)
    )

    def width(self, numeric: int) -> int:
        return numeric * self.size

    def build(self, inputs: Inputs, *, key: Key) -> Any:
        if inputs.bins is None:
            raise InvalidInput(
                "A piecewise-linear embedding needs `Inputs.bins`, but got None. "
                "Give the quantile edges of the training part, or use another "
                "`numeric_embedding`."
            )
        left, slope, low, high = piecewise_linear(inputs.bins)
        d, q = left.shape
        kernel_key, bias_key = jr.split(key)
        bound = 1 / math.sqrt(q)
        kernel = jr.uniform(kernel_key, (d, q, self.size), minval=-bound, maxval=bound)
        bias = jr.uniform(bias_key, (d, self.size), minval=-bound, maxval=bound)
        return PiecewiseLinearLayer(
            kernel, bias, Fixed((left, slope, low, high)), self.activation
        )


def piecewise_linear(bins: Float[Array, "d q"]) -> tuple[Float[Array, "d q-1"], ...]:
    """`(left, slope, low, high)` of the encoding `clip((x - left) * slope, low, high)`.

    A bin between equal edges holds nothing: its encoding is 0. Of the others the
    first is open to the left and the last to the right, so that no number is cut off.
    """
    left, width = bins[:, :-1], jnp.diff(bins, axis=1)
    slope = 1 / jnp.where(width > 0, width, 1)
    real = (width > 0) & jnp.isfinite(slope)
    first = real & (jnp.cumsum(real, axis=1) == 1)
    last = real & (jnp.cumsum(real[:, ::-1], axis=1)[:, ::-1] == 1)
    slope = jnp.where(real, slope, 0)
    low = jnp.where(first, -jnp.inf, jnp.zeros_like(left))
    high = jnp.where(last, jnp.inf, jnp.ones_like(left))
    return left, slope, low, high


class PiecewiseLinearLayer(eqx.Module):
    """A product of `[b, q]` and `[q, e]` for each feature, features first."""

    kernel: Float[Array, "d q e"]
    bias: Float[Array, "d e"]
    bins: Fixed
    activation: Activation | None

    def __call__(self, x: Float[Array, "b d"]) -> Float[Array, "b de"]:
        left, slope, low, high = (v[:, None, :] for v in self.bins.value)
        code = jnp.clip((x.T[:, :, None] - left) * slope, low, high)
        y = code @ self.kernel + self.bias[:, None, :]
        if self.activation is not None:
            y = self.activation(y)
        return y.transpose(1, 0, 2).reshape(len(x), -1)


class Periodic(AbstractEmbedding):
    """Sines and cosines of trained frequencies, a linear map and an activation (PLR).

    The choice where targets vary fast with a number. `sigma`, the spread of the first
    frequencies, matters most. With `lite` all features share the linear map.
    """

    size: int = eqx.field(static=True, default=8)  # units per feature
    frequencies: int = eqx.field(static=True, default=16)  # per feature
    lite: bool = eqx.field(static=True, default=False)
    sigma: Hyper = hyper(0.1)
    activation: Activation = eqx.field(default="relu", converter=as_activation)

    def width(self, numeric: int) -> int:
        return numeric * self.size

    def build(self, inputs: Inputs, *, key: Key) -> Any:
        keys = jr.split(key, 3)
        d, k = inputs.numeric, self.frequencies
        frequency = self.sigma * jr.normal(keys[0], (d, k))
        bound = 1 / math.sqrt(2 * k)
        shape = (2 * k, self.size) if self.lite else (d, 2 * k, self.size)
        kernel = jr.uniform(keys[1], shape, minval=-bound, maxval=bound)
        bias_shape = (1, self.size) if self.lite else (d, self.size)
        bias = jr.uniform(keys[2], bias_shape, minval=-bound, maxval=bound)
        return PeriodicLayer(frequency, kernel, bias, self.activation)


class PeriodicLayer(eqx.Module):
    """See `Periodic`."""

    frequency: Float[Array, "d k"]  # cycles per unit of the feature
    kernel: Float[Array, "*d 2k e"]
    bias: Float[Array, "d e"]
    activation: Activation

    def __call__(self, x: Float[Array, "b d"]) -> Float[Array, "b de"]:
        phase = (2 * math.pi) * (x.T[:, :, None] * self.frequency[:, None, :])
        wave = jnp.concatenate([jnp.cos(phase), jnp.sin(phase)], axis=-1)
        y = self.activation(wave @ self.kernel + self.bias[:, None, :])
        return y.transpose(1, 0, 2).reshape(len(x), -1)


class PeriodicBiasLinear(AbstractEmbedding):
    """RealMLP's PBLD: cosines with a trained phase, a linear map, the number itself.

    A few units per feature make it cheap; the number kept beside the waves makes it a
    safe replacement for no embedding.
    """

    size: int = eqx.field(static=True, default=4)  # units per feature, 1 the number
    frequencies: int = eqx.field(static=True, default=16)  # per feature
    sigma: Hyper = hyper(0.1)

    def __check_init__(self) -> None:
        if self.size < 2:
            raise InvalidInput(
                "`size` of a PBLD embedding must be >= 2, one unit being the number "
                f"itself, but got {self.size}."
            )

    def width(self, numeric: int) -> int:
        return numeric * self.size

    def build(self, inputs: Inputs, *, key: Key) -> Any:
        keys = jr.split(key, 4)
        d, k, e = inputs.numeric, self.frequencies, self.size - 1
        frequency = self.sigma * jr.normal(keys[0], (d, k))
        phase = jr.uniform(keys[1], (d, k), minval=-0.5, maxval=0.5)
        bound = 1 / math.sqrt(k)
        kernel = jr.uniform(keys[2], (d, k, e), minval=-bound, maxval=bound)
        bias = jr.uniform(keys[3], (d, e), minval=-bound, maxval=bound)
        return PeriodicBiasLinearLayer(frequency, phase, kernel, bias)


class PeriodicBiasLinearLayer(eqx.Module):
    """See `PeriodicBiasLinear`."""

    frequency: Float[Array, "d k"]  # cycles per unit of the feature
    phase: Float[Array, "d k"]  # cycles
    kernel: Float[Array, "d k e-1"]
    bias: Float[Array, "d e-1"]

    def __call__(self, x: Float[Array, "b d"]) -> Float[Array, "b de"]:
        columns = x.T[:, :, None]
        cycles = columns * self.frequency[:, None, :] + self.phase[:, None, :]
        wave = jnp.cos((2 * math.pi) * cycles)
        y = wave @ self.kernel + self.bias[:, None, :]
        y = jnp.concatenate([columns, y], axis=-1)
        return y.transpose(1, 0, 2).reshape(len(x), -1)


EMBEDDINGS: Registry[type[AbstractEmbedding]] = Registry(
    "numeric embedding",
    {
        "identity": Identity,
        "ple": PiecewiseLinear,
        "periodic": Periodic,
        "pbld": PeriodicBiasLinear,
    },
)


def as_embedding(value: str | AbstractEmbedding | None) -> AbstractEmbedding:
    """The embedding of that name with its defaults, or the embedding itself."""
    value = "identity" if value is None else value
    return EMBEDDINGS[value]() if isinstance(value, str) else value
