"""Dropout (Srivastava et al. 2014, JMLR 15), inverted: inference has nothing to do."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, UInt32

from thalweg.core import rng
from thalweg.core.errors import InvalidInput
from thalweg.core.hyper import as_leaf
from thalweg.core.trainable import Fixed


class Dropout(eqx.Module):
    """Zeroes a unit with probability `rate` and divides the others by `1 - rate`.

    The rate is data. At rate 0 the branch that draws random numbers is not run.
    """

    rate: Fixed

    def __init__(self, rate: Float[Array, "*p"] | float):
        self.rate = Fixed(as_leaf(rate))

    def __call__(
        self, x: Float[Array, "*n"], *, seed: UInt32[Array, ""] | None
    ) -> Float[Array, "*n"]:
        if seed is None:
            return x
        rate = self.rate.value.astype(x.dtype)
        return jax.lax.cond(rate > 0, _drop, lambda x, rate, seed: x, x, rate, seed)


def as_dropout(value: Any) -> Any:
    """A rate becomes a leaf; None, which means no dropout in the program, is kept."""
    if isinstance(value, int | float) and not 0 <= value < 1:
        raise InvalidInput(
            f"A dropout rate must lie in [0, 1), but got {value}. Use 0 for none."
        )
    return None if value is None else as_leaf(value)


def _drop(
    x: Float[Array, "*n"], rate: Float[Array, ""], seed: UInt32[Array, ""]
) -> Float[Array, "*n"]:
    keep = rng.uniform(seed, x.shape).astype(x.dtype) >= rate
    return jnp.where(keep, x / (1 - rate), jnp.zeros_like(x))
