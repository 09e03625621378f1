"""Normalisation of each example over its units, the kind being data if wanted.

LayerNorm: Ba et al. 2016, https://arxiv.org/abs/1607.06450
RMSNorm: Zhang & Sennrich 2019, https://arxiv.org/abs/1910.07467

Batch normalisation is left out: its running means are state, which a network here does
not have, and its outputs couple the examples of a batch.
"""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from thalweg.core.registry import Registry
from thalweg.core.trainable import Fixed

EPS = 1e-5


def none(x: Float[Array, "*n w"]) -> Float[Array, "*n w"]:
    """The identity."""
    return x


def layer(x: Float[Array, "*n w"]) -> Float[Array, "*n w"]:
    """Mean 0 and variance 1 over the units of each example."""
    x = x - jnp.mean(x, axis=-1, keepdims=True)
    return rms(x)


def rms(x: Float[Array, "*n w"]) -> Float[Array, "*n w"]:
    """Root mean square 1 over the units of each example."""
    return x * jax.lax.rsqrt(jnp.mean(x * x, axis=-1, keepdims=True) + EPS)


NORMALIZATIONS: Registry[Callable[[Any], Any]] = Registry(
    "normalization", {"none": none, "layer": layer, "rms": rms}
)


class NormalizationChoice(eqx.Module):
    """The `index`-th of `names`, as data."""

    names: tuple[str, ...] = eqx.field(static=True)
    index: Int[Array, "*p"]


def choose_normalization(names: Sequence[str], index: Any) -> NormalizationChoice:
    """A normalisation whose kind is data; `index` may be traced or stacked."""
    for name in names:
        NORMALIZATIONS[name]
    return NormalizationChoice(tuple(names), jnp.asarray(index, jnp.int32))


def as_normalization(value: str | NormalizationChoice | None) -> NormalizationChoice:
    """The choice itself, or the choice among that name alone; None is "none"."""
    if isinstance(value, NormalizationChoice):
        return value
    return choose_normalization(("none" if value is None else value,), 0)


class Normalization(eqx.Module):
    """A learned scale and shift after the normalisation; "none" has neither effect."""

    scale: Float[Array, " w"]
    bias: Float[Array, " w"]
    names: tuple[str, ...] = eqx.field(static=True)
    index: Fixed

    def __call__(self, x: Float[Array, "*b w"]) -> Float[Array, "*b w"]:
        branches = [_affine(name) for name in self.names]
        if len(branches) == 1:
            return branches[0](x, self.scale, self.bias)
        return jax.lax.switch(self.index.value, branches, x, self.scale, self.bias)

    @staticmethod
    def build(width: int, kind: NormalizationChoice) -> "Normalization | None":
        """None where "none" is all there is: no parameters and no work."""
        if set(kind.names) == {"none"}:
            return None
        return Normalization(
            jnp.ones(width), jnp.zeros(width), kind.names, Fixed(kind.index)
        )


def _affine(name: str) -> Callable[[Any, Any, Any], Any]:
    if name == "none":
        return lambda x, scale, bias: x
    normalize = NORMALIZATIONS[name]
    return lambda x, scale, bias: normalize(x) * scale + bias
