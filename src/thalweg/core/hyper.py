"""Hyper-parameters are array leaves: other values, same compiled program."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp


def as_leaf(value: Any) -> Any:
    """A Python number becomes a floating array; a schedule or an array is kept."""
    if isinstance(value, bool | int | float):
        return jnp.asarray(value, dtype=jnp.result_type(float))
    return value


def hyper(default: Any = ..., *, doc: str = "") -> Any:
    """A module field that holds a hyper-parameter: a number, an array or a schedule."""
    metadata = {"hyper": True, "doc": doc}
    if default is ...:
        return eqx.field(converter=as_leaf, metadata=metadata)
    return eqx.field(converter=as_leaf, default=default, metadata=metadata)
