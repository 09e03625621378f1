"""Networks as named arrays, and back: how weights go to disk and return."""

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from thalweg.core.errors import StoreError
from thalweg.core.rng import key_of


def to_arrays(network: Any) -> dict[str, np.ndarray]:
    """Every array of a network by its path, such as "layers/0/linear/kernel"."""
    leaves = jax.tree_util.tree_leaves_with_path(eqx.filter(network, eqx.is_array_like))
    return {_name(path): np.asarray(leaf) for path, leaf in leaves}


def shape_of(recipe: Any, inputs: Any, outputs: int) -> Any:
    """The network that `recipe` describes, with shapes in the place of arrays.

    It is the same for all recipes of one signature, and takes longer than to fill it.
    """

    def build() -> Any:
        candidate = recipe.assemble()
        return candidate.network.build(inputs, outputs, key=key_of(jnp.uint32(0)))

    return eqx.filter_eval_shape(build)


def filled(shape: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """The network of that shape with `arrays` in it.

    Raises StoreError if an array is missing or has another shape.
    """

    def fill(path: Any, leaf: Any) -> Any:
        if not isinstance(leaf, jax.ShapeDtypeStruct):
            return leaf
        name = _name(path)
        found = arrays.get(name)
        if found is None or found.shape != leaf.shape:
            got = "none" if found is None else f"the shape {found.shape}"
            raise StoreError(
                f"The weights need an array {name!r} of shape {leaf.shape}, but the "
                f"file has {got}. It belongs to another network."
            )
        return np.asarray(found, leaf.dtype)

    return jax.tree_util.tree_map_with_path(fill, shape)


def from_arrays(
    recipe: Any, inputs: Any, outputs: int, arrays: Mapping[str, np.ndarray]
) -> Any:
    """The network that `recipe` describes, with `arrays` in it. Nothing is drawn."""
    return filled(shape_of(recipe, inputs, outputs), arrays)


def _name(path: Any) -> str:
    return jax.tree_util.keystr(path, simple=True, separator="/")
