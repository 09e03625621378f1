"""The few words that algorithm files are written in: leaf by leaf, dtypes kept.

State is kept in at least single precision: in bfloat16 an average with a decay of 0.999
would never change.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree

from thalweg.core.errors import InvalidInput
from thalweg.core.typing import Hyper, Params
from thalweg.schedules.base import known


def each(function: Callable[..., Any], first: PyTree, *rest: PyTree) -> PyTree:
    """`function` leaf by leaf; results take the dtypes of the `first` tree's leaves."""
    return jax.tree.map(
        lambda x, *xs: jnp.asarray(function(x, *xs), x.dtype), first, *rest
    )


def filled(params: Params, value: Any = 0.0) -> Params:
    """State shaped like `params`, every entry `value`, in at least single precision."""

    def fill(path: Any, p: Any) -> Array:
        dtype = jnp.result_type(p)
        if not jnp.issubdtype(dtype, jnp.floating):
            name = jax.tree_util.keystr(path, simple=True, separator="/")
            raise InvalidInput(
                f"Trainable parameters must be real floating arrays, but {name!r} "
                f"is {dtype}. Keep other leaves out, as `networks.partition` does."
            )
        return jnp.full(jnp.shape(p), value, jnp.promote_types(dtype, jnp.float32))

    return jax.tree_util.tree_map_with_path(fill, params)


def no_steps() -> Int[Array, ""]:
    """The count of updates before the first."""
    return jnp.zeros((), jnp.int32)


def whole(steps: Hyper) -> Float[Array, "*p"]:
    """A period in whole steps, 1 at least."""
    return jnp.maximum(jnp.round(steps), 1)


def with_l2(grads: Params, params: Params, l2: Hyper) -> Params:
    """The gradient of `loss + l2/2 * |params|^2`: "coupled" weight decay."""
    if is_zero(l2):
        return grads  # the parameters need not be read once more
    return jax.tree.map(lambda g, p: g + l2 * p, grads, params)


def is_zero(value: Hyper) -> bool:
    """Whether a hyper-parameter is 0 and known to be when the program is compiled."""
    numbers = known(value)
    return numbers.size > 0 and not numbers.any()


@jax.custom_jvp
def root(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """The square root, with derivative 0 at 0.

    A dead unit's second moment is 0; the true derivative there, infinity, would turn
    gradients with respect to hyper-parameters into NaN.
    """
    return jnp.sqrt(x)


@root.defjvp
def _root_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    y = root(primals[0])
    slope = jnp.where(y == 0, 0.0, 0.5 / jnp.where(y == 0, 1.0, y))
    return y, slope.astype(y.dtype) * tangents[0]


class Average(NamedTuple):
    """An exponential moving average that starts at 0 and knows its own weight.

    `total / weight` is free of bias. `weight` is the same average of ones: 1 - b^t for
    a constant decay b, and still right when b follows a schedule.
    """

    total: Params
    weight: Float[Array, ""]

    @staticmethod
    def empty(params: Params) -> "Average":
        """The average of nothing."""
        return Average(filled(params), jnp.zeros((), jnp.result_type(float)))

    def add(self, values: Params, decay: Hyper) -> "Average":
        """The average with one more value, which enters with weight `1 - decay`."""
        total = each(lambda m, x: decay * m + (1 - decay) * x, self.total, values)
        weight = each(lambda w: decay * w + (1 - decay), self.weight)
        return Average(total, weight)


def squares(tree: Params) -> Params:
    """Every entry squared, in at least single precision."""
    wide = jnp.float32
    return jax.tree.map(
        lambda x: jnp.square(x.astype(jnp.promote_types(x.dtype, wide))), tree
    )
