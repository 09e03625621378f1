"""The network of DARTS: twenty cells, each of which takes the two cells before it.

Liu et al. 2019, section 2 and appendix A, https://arxiv.org/abs/1806.09055; operations
and network as in https://github.com/quark0/darts (cnn/operations.py, cnn/model.py).

    tree = spaces.darts(channels=16, cells=8)
    layers = fixed(tree, darts.to_config(darts.DARTS_V2))

Departs from the program: images of odd height or width are reduced too (their margin is
zeros), and the probability that a path is dropped stays as it is in training. The
auxiliary head is left out.
"""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, UInt32

from thalweg.architectures.spaces.pieces import AbstractBlock, relu_conv_bn
from thalweg.architectures.vocabulary import Cell
from thalweg.architectures.vocabulary.cell import Visit
from thalweg.cells.darts import INPUTS, NODES, OPERATIONS, PER_NODE
from thalweg.core.errors import InvalidInput
from thalweg.networks.layers import (
    AbstractLayer,
    AbstractModule,
    Activate,
    AvgPool,
    BatchNorm,
    Conv,
    DepthwiseConv,
    DropPath,
    Identity,
    MaxPool,
    Sequential,
    Shape,
    Zero,
    shape_after,
)
from thalweg.networks.randomness import place


class ReducingModule(AbstractModule):
    """See `FactorizedReduce`."""

    halves: tuple[Any, Any]
    norm: Any

    def __call__(
        self,
        x: Float[Array, "b h w c"],
        *,
        seed: UInt32[Array, ""] | None = None,
        inference: bool = False,
    ) -> Float[Array, "b oh ow o"]:
        x = jnp.maximum(x, 0)
        moved = jnp.pad(x[:, 1:, 1:], ((0, 0), (0, 1), (0, 1), (0, 0)))
        parts = [half(one) for half, one in zip(self.halves, (x, moved), strict=True)]
        return self.norm(jnp.concatenate(parts, axis=-1), inference=inference)


class FactorizedReduce(AbstractLayer):
    """A skip that halves the image: half of the channels see the odd pixels."""

    channels: int = eqx.field(static=True)
    affine: bool = eqx.field(static=True, default=True)

    def build(self, shape: Shape, *, seed: UInt32[Array, ""]) -> ReducingModule:
        """Raises InvalidInput for an odd number of channels."""
        if self.channels % 2:
            raise InvalidInput(
                "`FactorizedReduce` needs an even number of channels, but got "
                f"{self.channels}."
            )
        half = Conv(self.channels // 2, size=1, stride=2, bias=False)
        halves = [half.build(shape, seed=place(seed, i)) for i in range(2)]
        norm = BatchNorm(affine=self.affine).build((self.channels,), seed=seed)
        return ReducingModule((halves[0], halves[1]), norm)


class Operation(AbstractBlock):
    """One of the operations of DARTS; it keeps the channels."""

    name: str = eqx.field(static=True)  # see `cells.darts.OPERATIONS`
    stride: int = eqx.field(static=True, default=1)
    affine: bool = eqx.field(static=True, default=True)
    drop_path: Any = None  # a rate, or None for no dropping in the program

    def body(self, shape: Shape) -> AbstractLayer:
        """The operation, then what drops its path (of an identity never)."""
        layers = self._layers(shape[-1])
        if self.drop_path is not None and not isinstance(layers[0], Identity | Zero):
            layers.append(DropPath(self.drop_path))
        return Sequential(layers)

    def _layers(self, channels: int) -> list[AbstractLayer]:
        if self.name == "none":
            return [Zero(stride=self.stride)]
        if self.name == "skip_connect":
            if self.stride == 1:
                return [Identity()]
            return [FactorizedReduce(channels, self.affine)]
        kind, _, side = self.name.rpartition("_")
        size = int(side[0])
        if kind == "max_pool":
            return [MaxPool(size, stride=self.stride, padding="same")]
        if kind == "avg_pool":
            return [AvgPool(size, stride=self.stride, padding="same")]
        if kind == "dil_conv":
            return self._separable(channels, size, self.stride, dilation=2)
        first = self._separable(channels, size, self.stride)
        return first + self._separable(channels, size, 1)

    def _separable(
        self, channels: int, size: int, stride: int, dilation: int = 1
    ) -> list[AbstractLayer]:
        """ReLU, convolution of each channel, then of each pixel, normalisation."""
        depthwise = DepthwiseConv(
            size=size, stride=stride, dilation=dilation, bias=False
        )
        pointwise = Conv(channels, size=1, bias=False)
        return [Activate("relu"), depthwise, pointwise, BatchNorm(affine=self.affine)]


class CellsModule(AbstractModule):
    """See `CellStack`."""

    stem: Any
    cells: tuple[Any, ...]

    def __call__(
        self,
        x: Float[Array, "b h w c"],
        *,
        seed: UInt32[Array, ""] | None = None,
        inference: bool = False,
    ) -> Float[Array, "b oh ow o"]:
        x = self.stem(x, seed=place(seed, 0), inference=inference)
        before, last = x, x
        for number, cell in enumerate(self.cells, 1):
            own = place(seed, number)
            before, last = last, cell((before, last), seed=own, inference=inference)
        return last


class CellStack(AbstractLayer):
    """Cells of two inputs, which are the outputs of the two cells before."""

    stem: AbstractLayer
    cells: tuple[Cell, ...]

    def wired(self, shape: Shape, visit: Visit) -> Shape:
        """The output's shape; `visit` is shown each part and its input's shape."""
        shape = visit(self.stem, shape)
        before, last = shape, shape
        for cell in self.cells:
            before, last = last, visit(cell, (before, last))
        return last

    def build(self, shape: Shape, *, seed: UInt32[Array, ""]) -> CellsModule:
        """The stem and all cells."""
        modules = []

        def visit(layer: AbstractLayer, shape: Any) -> Shape:
            own = place(seed, len(modules))
            if isinstance(layer, Cell):
                module, after = layer.built(shape, seed=own)
            else:
                module = layer.build(shape, seed=own)
                after = shape_after(module, shape)
            modules.append(module)
            return after

        self.wired(shape, visit)
        return CellsModule(modules[0], tuple(modules[1:]))


def darts(
    *,
    channels: int = 36,
    cells: int = 20,
    stem: int = 3,
    affine: bool = True,
    drop_path: Any = None,
    operations: tuple[str, ...] = OPERATIONS[1:],
    supernet: bool = False,
) -> CellStack:
    """The space as a tree; `cells.darts.to_config` leads from a genotype to it.

    **channels**: of the first cells' nodes; the cells after a third and two thirds of
    them are of the reducing kind, which doubles the channels and halves the image.
    **stem**: how many times as many the first convolution has. **affine**: whether
    normalisations have a learned scale and shift. **drop_path**: the rate at which
    operations are dropped, example by example. **operations**: "none" is left out,
    since no genotype has it. **supernet**: all edges with all eight operations, to be
    `mixed` or `switched`; with `affine=False`, `channels=16` and `cells=8` the paper's.

    Parameters: `normal_inputs_i`, `normal_op_i_k`, and likewise `reduce_…`.
    """
    if channels % 2 or cells < 3:
        raise InvalidInput(
            "`darts` needs an even number of `channels` and at least 3 `cells`, but "
            f"got channels={channels}, cells={cells}."
        )
    layers, width, reduced = [], channels, False
    for number in range(cells):
        reducing = number in (cells // 3, 2 * cells // 3)
        width *= 2 if reducing else 1
        first = FactorizedReduce(width, affine) if reduced else None
        same = relu_conv_bn(width, affine=affine)
        names = OPERATIONS if supernet else operations
        candidates = {n: Operation(n, 1, affine, drop_path) for n in names}
        layers.append(
            Cell(
                candidates,
                nodes=NODES,
                per_node=None if supernet else PER_NODE,
                predecessors=INPUTS,
                preprocess=(first or same, same),
                stride=2 if reducing else 1,
                label="reduce" if reducing else "normal",
            )
        )
        reduced = reducing
    first = Conv(stem * channels, size=3, bias=False)
    return CellStack(Sequential([first, BatchNorm()]), tuple(layers))
