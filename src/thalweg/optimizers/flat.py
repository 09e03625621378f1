"""Parameters as one vector per dtype: few large kernels for many small ones.

A program's compile time grows with its arrays. For elementwise rules the vector is
equivalent to the tree, so a choice between several of them is compiled on vectors.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Shaped

from thalweg.core.typing import Params

Vectors = dict[str, Shaped[Array, " n"]]


def ravel(tree: Params, params: Params) -> Vectors:
    """The leaves of `tree` end to end, one vector per dtype of `params`."""
    parts: dict[str, list[Array]] = {}
    for leaf, p in zip(jax.tree.leaves(tree), jax.tree.leaves(params), strict=True):
        parts.setdefault(str(jnp.result_type(p)), []).append(jnp.reshape(leaf, -1))
    return {dtype: jnp.concatenate(leaves) for dtype, leaves in parts.items()}


def unravel(vectors: Vectors, params: Params) -> Params:
    """The tree, shaped like `params`, whose leaves `vectors` hold."""
    start = dict.fromkeys(vectors, 0)

    def take(p: Array) -> Array:
        dtype = str(jnp.result_type(p))
        begin, start[dtype] = start[dtype], start[dtype] + jnp.size(p)
        return vectors[dtype][begin : start[dtype]].reshape(jnp.shape(p))

    return jax.tree.map(take, params)
