"""Which leaves of a network are trained: the inexact arrays that are not `Fixed`.

Nor `Statistics`, which are measured instead: training mode never reads or changes them,
and `thalweg.networks.layers.calibrate` takes them anew from some data.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from thalweg.core.typing import Params


class Fixed(eqx.Module):
    """Arrays that training leaves alone: rates, bin edges, an activation's slope."""

    value: Any


class Statistics(eqx.Module):
    """Mean and variance of what a layer saw of the data, which inference uses."""

    mean: Float[Array, " c"]
    variance: Float[Array, " c"]
    # how often they were measured, 0 if never
    count: Float[Array, ""]
    # whether a run of the layer in training mode reports what it measures
    recording: bool = eqx.field(static=True, default=False)

    @staticmethod
    def fresh(channels: int) -> "Statistics":
        """Mean 0 and variance 1: no effect."""
        return Statistics(jnp.zeros(channels), jnp.ones(channels), jnp.zeros(()))


def is_statistics(node: Any) -> bool:
    """Whether a node of a tree is measured rather than trained."""
    return isinstance(node, Statistics)


def unwrap(value: Any) -> Any:
    """What a leaf holds, whether it is trained or `Fixed`."""
    return value.value if isinstance(value, Fixed) else value


def trainable(tree: PyTree) -> PyTree:
    """The tree with True for what is trained and False for the rest (a prefix)."""
    # taken as leaves, these are no arrays
    return jax.tree.map(
        eqx.is_inexact_array,
        tree,
        is_leaf=lambda node: isinstance(node, Fixed | Statistics),
    )


def partition(tree: PyTree) -> tuple[Params, PyTree]:
    """`(params, rest)`; `eqx.combine(params, rest)` is the tree again."""
    return eqx.partition(tree, trainable(tree))
