"""A cell: nodes that add operations on some of what came before them.

The words are those of NNI's `Cell` (https://nni.readthedocs.io); the cells of NASNet,
ENAS, DARTS and NAS-Bench-201 are all of this kind.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, UInt32

from thalweg.architectures.vocabulary.choices import InputChoice, LayerChoice
from thalweg.architectures.vocabulary.decided import (
    Inputs,
    MixedLayer,
    Numbered,
    SwitchedLayer,
)
from thalweg.core.errors import InvalidInput
from thalweg.networks.layers import AbstractLayer, AbstractModule, Shape, shape_after
from thalweg.networks.randomness import place

Merge = Literal["all", "loose_ends", "last"]
Visit = Callable[[AbstractLayer, Any], Shape]


class CellModule(AbstractModule):
    """See `Cell`."""

    preprocess: tuple[Any, ...]
    operations: tuple[Any, ...]  # of all nodes, in order
    sources: tuple[tuple[int, ...], ...] = eqx.field(static=True)  # of each node
    joined: tuple[int, ...] = eqx.field(static=True)

    def __call__(
        self,
        x: Any,
        *,
        seed: UInt32[Array, ""] | None = None,
        inference: bool = False,
    ) -> Float[Array, "b ..."]:
        states = list(x) if isinstance(x, tuple | list) else [x]
        for number, module in enumerate(self.preprocess):
            own = place(seed, number)
            states[number] = module(states[number], seed=own, inference=inference)
        number = 0
        for sources in self.sources:
            arriving = []
            for source in sources:
                own = place(seed, len(self.preprocess) + number)
                run = self.operations[number]
                arriving.append(run(states[source], seed=own, inference=inference))
                number += 1
            states.append(sum(arriving[1:], start=arriving[0]))
        return jnp.concatenate([states[i] for i in self.joined], axis=-1)


class Cell(AbstractLayer):
    """Nodes in a row, each the sum of operations on inputs and nodes before it.

    **candidates**: what an operation may be, by name. **per_node**: the operations of a
    node, on as many different ones of those before it; None: one on each of them, as in
    a supernet. **predecessors**: the cell's inputs; if there are several, it is built
    for a tuple of shapes and called with a tuple of arrays. **preprocess**: a layer for
    each input. **stride**: of operations on the cell's inputs, which their field of
    that name is set to. **merge**: which nodes are joined along the channels: "all",
    those that none takes ("loose_ends"), or the "last" alone.

    Parameters, with the `label` "cell": `cell_inputs_<node>`, such as "0+2", unless all
    are taken, and `cell_op_<node>_<number>`. Cells with one label are one choice.

    Raises InvalidInput for numbers that can't be met.
    """

    inputs: tuple[Any, ...]
    operations: tuple[tuple[Any, ...], ...]
    preprocess: tuple[AbstractLayer, ...]
    predecessors: int = eqx.field(static=True)
    stride: int = eqx.field(static=True)
    merge: Merge = eqx.field(static=True)
    label: str = eqx.field(static=True)

    def __init__(
        self,
        candidates: Mapping[str, AbstractLayer],
        *,
        nodes: int,
        per_node: int | None = 1,
        predecessors: int = 1,
        preprocess: Sequence[AbstractLayer] = (),
        stride: int = 1,
        merge: Merge = "all",
        label: str = "cell",
    ):
        if nodes < 1 or not (per_node is None or 1 <= per_node <= predecessors):
            raise InvalidInput(
                "`Cell` needs `nodes >= 1` and a `per_node` up to `predecessors`, or "
                f"the first node lacks inputs, but got nodes={nodes}, "
                f"per_node={per_node}, predecessors={predecessors}."
            )
        if preprocess and len(preprocess) != predecessors:
            raise InvalidInput(
                f"`preprocess` needs a layer for each of {predecessors} inputs, not "
                f"{len(preprocess)} of them."
            )
        if merge not in ("all", "loose_ends", "last"):
            raise InvalidInput(
                f'`merge` must be "all", "loose_ends" or "last", but got {merge!r}.'
            )
        before = range(predecessors, predecessors + nodes)
        self.inputs = tuple(
            Inputs(tuple(range(n)))
            if per_node is None
            else InputChoice(n, per_node, label=f"{label}_inputs_{node}")
            for node, n in enumerate(before)
        )
        self.operations = tuple(
            tuple(
                LayerChoice(candidates, label=f"{label}_op_{node}_{k}")
                for k in range(n if per_node is None else per_node)
            )
            for node, n in enumerate(before)
        )
        self.preprocess = tuple(preprocess)
        self.predecessors, self.stride = predecessors, stride
        self.merge, self.label = merge, label

    @property
    def sources(self) -> tuple[tuple[int, ...], ...]:
        """What each node takes, of a cell that is decided."""
        return tuple(node.taken for node in self.inputs)

    @property
    def joined(self) -> tuple[int, ...]:
        """What the output joins."""
        nodes = range(self.predecessors, self.predecessors + len(self.inputs))
        if self.merge == "last":
            return (nodes[-1],)
        taken = {i for node in self.sources for i in node}
        return tuple(i for i in nodes if self.merge == "all" or i not in taken)

    def wired(self, shape: Any, visit: Visit) -> Shape:
        """The output's shape; `visit` is shown each part and its input's shape."""
        shapes = [shape] if self.predecessors == 1 else list(shape)
        for i, layer in enumerate(self.preprocess):
            shapes[i] = visit(layer, shapes[i])
        for sources, operations in zip(self.sources, self.operations, strict=True):
            found = set()
            for i, operation in zip(sources, operations, strict=True):
                if self.stride != 1 and i < self.predecessors:
                    operation = with_stride(operation, self.stride)
                found.add(visit(operation, shapes[i]))
            if len(found) > 1:
                raise InvalidInput(
                    f"What a node of {self.label!r} adds has one shape, but got "
                    f"{sorted(found)}. Use `preprocess` for inputs of other shapes."
                )
            shapes.append(found.pop())
        joined = [shapes[i] for i in self.joined]
        return *joined[0][:-1], sum(one[-1] for one in joined)

    def build(self, shape: Any, *, seed: UInt32[Array, ""]) -> CellModule:
        """All operations. Raises InvalidInput if a node would add unequal shapes."""
        return self.built(shape, seed=seed)[0]

    def built(self, shape: Any, *, seed: UInt32[Array, ""]) -> tuple[CellModule, Shape]:
        """The module, and the shape of its output."""
        modules = []

        def visit(layer: AbstractLayer, shape: Shape) -> Shape:
            modules.append(layer.build(shape, seed=place(seed, len(modules))))
            return shape_after(modules[-1], shape)

        after = self.wired(shape, visit)
        first = len(self.preprocess)
        before, operations = tuple(modules[:first]), tuple(modules[first:])
        return CellModule(before, operations, self.sources, self.joined), after


def with_stride(layer: Any, stride: int) -> Any:
    """The layer (each candidate of a decided choice) with another stride."""
    if isinstance(layer, Numbered):
        return replace(layer, layer=with_stride(layer.layer, stride))
    if isinstance(layer, SwitchedLayer | MixedLayer):
        candidates = tuple(with_stride(one, stride) for one in layer.candidates)
        return replace(layer, candidates=candidates)
    if not hasattr(layer, "stride"):
        raise InvalidInput(
            f"The candidates of a `Cell` with a stride have one too, but "
            f"{type(layer).__name__} has none."
        )
    return replace(layer, stride=stride)
