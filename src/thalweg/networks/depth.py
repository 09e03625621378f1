"""Depth as data: layers beyond it pass their input on, and cost nothing."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int


def as_count(value: Any) -> Any:
    """A Python integer becomes an array leaf; None and arrays are kept."""
    return jnp.asarray(value, jnp.int32) if isinstance(value, int) else value


def up_to(
    depth: Int[Array, ""] | None,
    number: int,
    layer: Callable[[Any], Any],
    h: Float[Array, "*b w"],
) -> Float[Array, "*b w"]:
    """`layer(h)` if `number < depth` or there is no depth, otherwise `h` itself."""
    if depth is None:
        return layer(h)
    return jax.lax.cond(number < depth, layer, lambda h: h, h)
