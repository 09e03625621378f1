"""A pytree of arrays as one vector per dtype: few large kernels for many small ones.

What a program costs to compile, and a step on a CPU beyond its arithmetic, grows with
the number of its arrays; so the trainer keeps parameters, moments and whole members
end to end. Leading axes, such as a population's, are kept.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree, Shaped

Vectors = dict[str, Shaped[Any, "*p n"]]  # by dtype


class Slot(NamedTuple):
    """Where a leaf lies."""

    dtype: str
    begin: int
    shape: tuple[int, ...]

    @property
    def end(self) -> int:
        return self.begin + math.prod(self.shape)


@dataclass(frozen=True)
class Packing:
    """The layout of one pytree of arrays. Static: built once per program."""

    treedef: Any
    slots: tuple[Slot, ...]

    @staticmethod
    def of(tree: PyTree) -> "Packing":
        """The layout for trees of this structure (of arrays, or of their shapes)."""
        leaves, treedef = jax.tree.flatten(tree)
        sizes: dict[str, int] = {}
        slots = []
        for leaf in leaves:
            dtype = np.dtype(leaf.dtype).name
            slots.append(Slot(dtype, sizes.get(dtype, 0), tuple(leaf.shape)))
            sizes[dtype] = slots[-1].end
        return Packing(treedef, tuple(slots))

    @property
    def sizes(self) -> dict[str, int]:
        """Entries of each dtype."""
        return {slot.dtype: slot.end for slot in self.slots}  # the last one's end

    @property
    def places(self) -> PyTree:
        """The tree with slots in the place of arrays."""
        return jax.tree.unflatten(self.treedef, list(self.slots))

    @property
    def shapes(self) -> PyTree:
        """The tree with shapes in the place of arrays."""
        leaves = [jax.ShapeDtypeStruct(s.shape, s.dtype) for s in self.slots]
        return jax.tree.unflatten(self.treedef, leaves)

    def pack(self, tree: PyTree) -> Vectors:
        """The leaves end to end, in the dtypes of the layout."""
        leaves = self.treedef.flatten_up_to(tree)
        on_host = all(isinstance(leaf, np.ndarray | np.generic) for leaf in leaves)
        xp = np if on_host else jnp
        parts: dict[str, list[Any]] = {}
        for slot, leaf in zip(self.slots, leaves, strict=True):
            flat = xp.reshape(xp.asarray(leaf, np.dtype(slot.dtype)), -1)
            parts.setdefault(slot.dtype, []).append(flat)
        return {dtype: xp.concatenate(flats) for dtype, flats in parts.items()}

    def unpack(self, vectors: Vectors) -> PyTree:
        """The tree whose leaves `vectors` hold; NumPy's are views."""

        def leaf(slot: Slot) -> Any:
            vector = vectors[slot.dtype]
            part = vector[..., slot.begin : slot.end]
            return part.reshape((*vector.shape[:-1], *slot.shape))

        return jax.tree.unflatten(self.treedef, [leaf(slot) for slot in self.slots])
