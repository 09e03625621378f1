"""The networks of NAS-Bench-201, to be trained: one of five operations on six edges.

Dong & Yang 2020, section 2, https://arxiv.org/abs/2001.00326: a 3x3 convolution, three
stages of equal cells, and between them a residual block that halves height and width
and doubles the channels.
"""

from functools import reduce
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float, UInt32

from thalweg.architectures.vocabulary import LayerChoice
from thalweg.cells.nasbench201 import EDGES
from thalweg.networks.layers import (
    AbstractLayer,
    AbstractModule,
    Activate,
    AvgPool,
    BatchNorm,
    Conv,
    Identity,
    Residual,
    Sequential,
    Shape,
    Zero,
)
from thalweg.networks.randomness import place


class EdgeModule(AbstractModule):
    """See `EdgeCell`."""

    edges: tuple[Any, ...]

    def __call__(
        self,
        x: Float[Array, "b h w c"],
        *,
        seed: UInt32[Array, ""] | None = None,
        inference: bool = False,
    ) -> Float[Array, "b h w c"]:
        nodes = [x]
        for node in range(1, EDGES[-1][1] + 1):
            arriving = [
                edge(nodes[i], seed=place(seed, number), inference=inference)
                for number, ((i, j), edge) in enumerate(
                    zip(EDGES, self.edges, strict=True)
                )
                if j == node
            ]
            nodes.append(reduce(jnp.add, arriving))
        return nodes[-1]


class EdgeCell(AbstractLayer):
    """Four nodes, each the sum of what comes over the edges from all before it."""

    edges: tuple[Any, ...]  # layers, in the order of `EDGES`

    def build(self, shape: Shape, *, seed: UInt32[Array, ""]) -> EdgeModule:
        """The edges' modules, all for inputs of `shape`."""
        edges = [e.build(shape, seed=place(seed, i)) for i, e in enumerate(self.edges)]
        return EdgeModule(tuple(edges))


def nasbench201(
    *, channels: int = 16, cells: int = 5, affine: bool = True
) -> Sequential:
    """The space as a tree; its parameters are those of `cells.nasbench201.space()`.

    **channels**: of the first stage. **cells**: of each of the three stages.
    **affine**: whether normalisations have a learned scale and shift (supernets: no).
    """
    layers: list[Any] = [Conv(channels, size=3, bias=False), BatchNorm(affine=affine)]
    for stage in range(3):
        width = channels << stage
        if stage:
            layers.append(_reduction(width, affine))
        edges = tuple(
            LayerChoice(operations(width, affine), label=f"edge_{i}_{j}")
            for i, j in EDGES
        )
        layers += [EdgeCell(edges)] * cells
    return Sequential([*layers, BatchNorm(affine=affine), Activate("relu")])


def operations(channels: int, affine: bool = True) -> dict[str, AbstractLayer]:
    """What an edge may be, in the order of `cells.nasbench201.OPERATIONS`."""
    return {
        "none": Zero(),
        "skip_connect": Identity(),
        "nor_conv_1x1": _relu_conv(channels, 1, affine=affine),
        "nor_conv_3x3": _relu_conv(channels, 3, affine=affine),
        "avg_pool_3x3": AvgPool(3, stride=1, padding="same"),
    }


def _relu_conv(
    channels: int, size: int, stride: int = 1, *, affine: bool = True
) -> Sequential:
    return Sequential(
        [
            Activate("relu"),
            Conv(channels, size=size, stride=stride, bias=False),
            BatchNorm(affine=affine),
        ]
    )


def _reduction(channels: int, affine: bool) -> Residual:
    body = [
        _relu_conv(channels, 3, 2, affine=affine),
        _relu_conv(channels, 3, affine=affine),
    ]
    shortcut = [
        AvgPool(2, stride=2, padding="same"),
        Conv(channels, size=1, bias=False, init="torch"),  # nothing normalises it
    ]
    return Residual(Sequential(body), Sequential(shortcut))
