"""Which leaves of a network are trained: the inexact arrays that are not `Fixed`."""

from typing import Any

import equinox as eqx
import jax
from jaxtyping import PyTree

from thalweg.core.typing import Params


class Fixed(eqx.Module):
    """Arrays that training leaves alone: rates, bin edges, an activation's slope."""

    value: Any


def unwrap(value: Any) -> Any:
    """What a leaf holds, whether it is trained or `Fixed`."""
    return value.value if isinstance(value, Fixed) else value


def trainable(tree: PyTree) -> PyTree:
    """The tree with True for what is trained and False for the rest (a prefix)."""
    # taken as a leaf, a `Fixed` is no array
    return jax.tree.map(
        eqx.is_inexact_array, tree, is_leaf=lambda node: isinstance(node, Fixed)
    )


def partition(tree: PyTree) -> tuple[Params, PyTree]:
    """`(params, rest)`; `eqx.combine(params, rest)` is the tree again."""
    return eqx.partition(tree, trainable(tree))
