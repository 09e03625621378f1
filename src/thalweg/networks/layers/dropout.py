"""Layers that drop something at random in training, each at a rate that is data.

Dropout: Srivastava et al. 2014, https://jmlr.org/papers/v15/srivastava14a.html
Stochastic depth, by example: Huang et al. 2016, https://arxiv.org/abs/1603.09382
"""

import equinox as eqx
import jax.numpy as jnp
from jax.core import Tracer
from jaxtyping import Array, Float, UInt32

from thalweg.core.errors import InvalidInput
from thalweg.core.hyper import hyper
from thalweg.core.typing import Hyper
from thalweg.networks.dropout import Dropout as Rate
from thalweg.networks.layers.base import AbstractLayer, AbstractModule, Shape, name


class Dropping(AbstractModule):
    """See `Dropout` and `DropPath`."""

    dropout: Rate
    whole: bool = eqx.field(static=True)  # whether an example is dropped as one

    def __call__(
        self,
        x: Float[Array, "b *n"],
        *,
        seed: UInt32[Array, ""] | None = None,
        inference: bool = False,
    ) -> Float[Array, "b *n"]:
        if inference:
            return x
        if not self.whole:
            return self.dropout(x, seed=seed)
        kept = self.dropout(jnp.ones(x.shape[0], x.dtype), seed=seed)
        return x * kept.reshape(-1, *(1 for _ in x.shape[1:]))


class Dropout(AbstractLayer):
    """Drops numbers with probability `rate`, and scales the others up."""

    rate: Hyper = hyper(0.5)

    def build(self, shape: Shape, *, seed: UInt32[Array, ""]) -> Dropping:
        return Dropping(_rate(self, self.rate), whole=False)


class DropPath(AbstractLayer):
    """Drops whole examples with probability `rate`: the end of a residual's body."""

    rate: Hyper = hyper(0.1)

    def build(self, shape: Shape, *, seed: UInt32[Array, ""]) -> Dropping:
        return Dropping(_rate(self, self.rate), whole=True)


def _rate(layer: AbstractLayer, rate: Hyper) -> Rate:
    if isinstance(rate, Tracer):  # its value is data
        return Rate(rate)
    if not 0 <= float(rate) < 1:
        raise InvalidInput(f"The rate of {name(layer)} lies in [0, 1), but got {rate}.")
    return Rate(rate)
