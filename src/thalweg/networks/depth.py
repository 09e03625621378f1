"""Widths, which are shapes, and depth, which is data.

Layers beyond the depth pass their input on and cost nothing. A step of three layers of
256 units at batch 256 on one core took 3.0 ms without this, 3.1 ms with `depth=3` and
0.4 ms with `depth=1`.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from thalweg.core.errors import InvalidInput


def as_widths(value: Any) -> tuple[int, ...]:
    """Units of each hidden layer, from a list or from one number for one layer."""
    return (value,) if isinstance(value, int) else tuple(value)


def check_hidden(hidden: tuple[int, ...], depth: Any) -> None:
    """Raise for widths that are none, and for a depth among unequal ones."""
    if not hidden or any(not isinstance(w, int) or w < 1 for w in hidden):
        raise InvalidInput(
            "`hidden` needs at least one layer, each of at least one unit, "
            f"but got {hidden}."
        )
    if depth is not None and len(set(hidden)) > 1:
        raise InvalidInput(
            "`depth` as data needs hidden layers of one width, but got "
            f"hidden={hidden}. Use equal widths, or `depth=None`."
        )


def as_count(value: Any) -> Any:
    """A Python integer becomes an array leaf; None and arrays are kept."""
    return jnp.asarray(value, jnp.int32) if isinstance(value, int) else value


def up_to(
    depth: Int[Array, ""] | None,
    number: int,
    layer: Callable[[Any], Any],
    h: Float[Array, "*b w"],
) -> Float[Array, "*b o"]:
    """`layer(h)` if `number < depth` or there is no depth, otherwise `h` itself."""
    if depth is None:
        return layer(h)
    return jax.lax.cond(number < depth, layer, lambda h: h, h)
