"""The networks of NAS-Bench-101, to be trained: three stacks of three equal cells.

Ying et al. 2019, section 2, https://arxiv.org/abs/1902.09635, and
https://github.com/google-research/nasbench (nasbench/lib/model_builder.py). What has
parameters is as in `cells.nasbench101_network`, which counts them.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt32

from thalweg.architectures.spaces.pieces import conv_bn_relu
from thalweg.architectures.vocabulary import label
from thalweg.cells import nasbench101 as cells101
from thalweg.cells.model_spec import CONV1X1, CONV3X3, MAXPOOL3X3, ModelSpec
from thalweg.cells.nasbench101_network import vertex_channels
from thalweg.networks.layers import (
    AbstractLayer,
    AbstractModule,
    MaxPool,
    Sequential,
    Shape,
)
from thalweg.networks.randomness import place


class GraphModule(AbstractModule):
    """See `GraphCell`."""

    projections: dict[int, Any]  # of the input, by the vertex that takes it
    operations: dict[int, Any]  # of the inner vertices
    channels: tuple[int, ...] = eqx.field(static=True)
    edges: tuple[tuple[int, int], ...] = eqx.field(static=True)

    def __call__(
        self,
        x: Float[Array, "b h w i"],
        *,
        seed: UInt32[Array, ""] | None = None,
        inference: bool = False,
    ) -> Float[Array, "b h w o"]:
        last = len(self.channels) - 1
        found: dict[int, Array] = {}
        for vertex, operation in self.operations.items():
            width = self.channels[vertex]
            arriving = [found[i][..., :width] for i in self._before(vertex)]
            if vertex in self.projections:
                arriving.append(self.projections[vertex](x, inference=inference))
            found[vertex] = operation(sum(arriving), inference=inference)
        joined = [found[i] for i in self._before(last)]
        y = jnp.concatenate(joined, axis=-1) if joined else jnp.zeros(())
        if last in self.projections:
            y = y + self.projections[last](x, inference=inference)
        return y

    def _before(self, vertex: int) -> list[int]:
        """The inner vertices that lead to it."""
        return [i for i, j in self.edges if j == vertex and i > 0]


class GraphCell(AbstractLayer):
    """A cell of NAS-Bench-101, whose edges and operations may be choices.

    Dead ends and surplus edges are repaired as `cells.nasbench101.space` repairs them,
    so that every configuration is a network.
    """

    edges: tuple[Any, ...] = eqx.field(static=True)  # 0 or 1: `cells.nasbench101.space`
    operations: tuple[Any, ...] = eqx.field(static=True)
    channels: int = eqx.field(static=True)

    def build(self, shape: Shape, *, seed: UInt32[Array, ""]) -> GraphModule:
        """The module of the cell that was chosen."""
        space = cells101.space()
        chosen = zip(space.parameters, (*self.edges, *self.operations), strict=True)
        spec = cells101.specs(space.encode([dict(chosen)]))[0]
        return drawn(spec, self.channels).build(shape, seed=seed)


class DrawnCell(AbstractLayer):
    """A cell of NAS-Bench-101 as somebody drew it."""

    matrix: tuple[tuple[int, ...], ...] = eqx.field(static=True)  # pruned
    ops: tuple[str, ...] = eqx.field(static=True)
    channels: int = eqx.field(static=True)

    def build(self, shape: Shape, *, seed: UInt32[Array, ""]) -> GraphModule:
        """The cell's module; vertices share the channels as the benchmark has them."""
        matrix, ops = np.array(self.matrix), self.ops
        channels = vertex_channels(shape[-1], self.channels, matrix)
        projections, operations = {}, {}
        for vertex in range(1, len(ops)):
            own, width = place(seed, vertex), channels[vertex]
            if matrix[0, vertex]:
                layer = conv_bn_relu(width)
                projections[vertex] = layer.build(shape, seed=place(own, 0))
            if vertex < len(ops) - 1:
                layer = OPERATIONS[ops[vertex]](width)
                inner = (*shape[:2], width)
                operations[vertex] = layer.build(inner, seed=place(own, 1))
        edges = tuple((int(i), int(j)) for i, j in np.argwhere(matrix))
        return GraphModule(projections, operations, tuple(channels), edges)


OPERATIONS: dict[str, Callable[[int], AbstractLayer]] = {
    CONV3X3: lambda channels: conv_bn_relu(channels, 3),
    CONV1X1: lambda channels: conv_bn_relu(channels, 1),
    MAXPOOL3X3: lambda channels: MaxPool(3, stride=1, padding="same"),
}


def drawn(spec: ModelSpec, channels: int) -> DrawnCell:
    """The cell of a spec. Raises InvalidInput for one of another space."""
    cells101.check(spec)
    matrix, ops = spec.cell()
    return DrawnCell(tuple(map(tuple, matrix.tolist())), tuple(ops), channels)


def nasbench101(
    spec: ModelSpec | None = None, *, channels: int = 128, cells: int = 3
) -> Sequential:
    """The network of a cell; without one, the space as a tree.

    **channels**: of the first stack; before each of the two others they double, and a
    pooling halves height and width. **cells**: of each stack.

    Parameters: those of `cells.nasbench101.space()`. That space has each cell once,
    where `space_of(tree)` has all drawings of it.

    Raises InvalidInput for a spec of another space.
    """
    layers: list[AbstractLayer] = [conv_bn_relu(channels, 3)]
    for stack in range(3):
        width = channels << stack
        if stack:
            layers.append(MaxPool(2, padding="same"))
        layers += [_undecided(width) if spec is None else drawn(spec, width)] * cells
    return Sequential(layers)


def _undecided(channels: int) -> GraphCell:
    parameters = cells101.space().parameters.items()
    choices = [label(name, parameter) for name, parameter in parameters]
    edges, operations = choices[: cells101.SLOTS], choices[cells101.SLOTS :]
    return GraphCell(tuple(edges), tuple(operations), channels)
