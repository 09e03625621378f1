"""A value that is one of several pytrees, which one being data.

Inside a loop over members (`width=1`) `jax.lax.switch` runs only the branch it names,
so members with different optimizers or activations share one compiled program. For that
their states need one structure: the leaves of every alternative are laid into common
slots, sorted by shape and dtype, and each alternative reads back its own.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, PyTree

from thalweg.core.errors import InvalidInput


class Layout(eqx.Module):
    """How several pytrees of arrays share slots. Static: built once per program."""

    treedefs: tuple[Any, ...] = eqx.field(static=True)
    places: tuple[tuple[int, ...], ...] = eqx.field(static=True)  # leaf -> slot
    slots: tuple[tuple[tuple[int, ...], Any], ...] = eqx.field(static=True)

    @staticmethod
    def of(trees: Sequence[PyTree]) -> "Layout":
        """The smallest set of slots that holds any one of `trees` at a time."""
        slots: list[tuple[tuple[int, ...], Any]] = []
        places, treedefs = [], []
        for tree in trees:
            leaves, treedef = jax.tree.flatten(tree)
            used: Counter[Any] = Counter()
            place = []
            for leaf in leaves:
                kind = (tuple(jnp.shape(leaf)), jnp.result_type(leaf))
                same = [i for i, slot in enumerate(slots) if slot == kind]
                if used[kind] == len(same):
                    slots.append(kind)
                    same.append(len(slots) - 1)
                place.append(same[used[kind]])
                used[kind] += 1
            places.append(tuple(place))
            treedefs.append(treedef)
        return Layout(tuple(treedefs), tuple(places), tuple(slots))

    def empty(self) -> tuple[Array, ...]:
        """Slots full of zeros."""
        return tuple(jnp.zeros(shape, dtype) for shape, dtype in self.slots)

    def write(
        self, which: int, tree: PyTree, slots: tuple[Array, ...]
    ) -> tuple[Array, ...]:
        """`slots` with alternative `which` laid in; the others' slots are kept."""
        new = list(slots)
        for place, leaf in zip(self.places[which], jax.tree.leaves(tree), strict=True):
            new[place] = jnp.asarray(leaf, self.slots[place][1])
        return tuple(new)

    def read(self, which: int, slots: tuple[Array, ...]) -> PyTree:
        """Alternative `which`, from the slots."""
        leaves = [slots[place] for place in self.places[which]]
        return jax.tree.unflatten(self.treedefs[which], leaves)


class Variant(eqx.Module):
    """One of several pytrees of arrays; `index` says which."""

    index: Int[Array, ""]
    slots: tuple[Array, ...]
    layout: Layout = eqx.field(static=True)

    @staticmethod
    def of(alternatives: Sequence[PyTree], index: int) -> "Variant":
        """`alternatives[index]`, in a form that could hold any of the others."""
        if not 0 <= index < len(alternatives):
            raise InvalidInput(
                f"`index` must name one of {len(alternatives)} alternatives, "
                f"but got {index}."
            )
        layout = Layout.of(alternatives)
        slots = layout.write(index, alternatives[index], layout.empty())
        return Variant(jnp.asarray(index, jnp.int32), slots, layout)

    def switch(self, function: Callable[..., Any], *operands: Any) -> Any:
        """`function(alternative, *operands)` for the alternative that is held."""

        def branch(which: int) -> Callable[..., Any]:
            return lambda slots, *args: function(self.layout.read(which, slots), *args)

        branches = [branch(which) for which in range(len(self.layout.treedefs))]
        return jax.lax.switch(self.index, branches, self.slots, *operands)
