"""What a decided tree of layers consists of: shapes and parameters, nothing built.

Rows of layers are walked; every other layer is traced once for each shape of input, so
that the ten-thousandth network of a space costs a look into a table.
"""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from thalweg.architectures.spaces.darts import CellStack
from thalweg.architectures.vocabulary import Cell
from thalweg.architectures.vocabulary.decided import Numbered, RepeatedLayer
from thalweg.core.trainable import partition
from thalweg.networks.layers import AbstractLayer, Sequential, Shape, shape_after


class Part(NamedTuple):
    """A layer at its place in the network."""

    layer: AbstractLayer
    before: Any  # of an example, without the batch's axis
    after: Shape
    parameters: int  # that are trained


def outline(layer: AbstractLayer, shape: Shape) -> list[Part]:
    """The layers in their order, for examples of `shape`; rows of layers are opened.

    Raises InvalidInput as `build` does.
    """
    found = []
    for part in _opened(layer):
        if isinstance(part, CellStack):
            part.wired(shape, lambda layer, shape: _seen(layer, shape, found))
            shape = found[-1].after
        else:
            shape = _seen(part, shape, found)
    return found


def _seen(layer: AbstractLayer, shape: Any, found: list[Part]) -> Shape:
    """The shape after the layer, which is added to what was found."""
    inner: list[Part] = []
    if isinstance(layer, Cell):
        after = layer.wired(shape, lambda layer, shape: _seen(layer, shape, inner))
        parameters = sum(part.parameters for part in inner)
    else:
        after, parameters = _measured(layer, shape)
    found.append(Part(layer, shape, after, parameters))
    return after


def _opened(layer: AbstractLayer) -> Iterator[AbstractLayer]:
    if isinstance(layer, Numbered):
        yield from _opened(layer.layer)
    elif isinstance(layer, Sequential | RepeatedLayer) and _runs_whole(layer):
        for part in layer.layers:
            yield from _opened(part)
    else:
        yield layer


def _runs_whole(layer: AbstractLayer) -> bool:
    return getattr(layer, "depth", None) is None


_known: dict[Any, tuple[Shape, int]] = {}


def _measured(layer: AbstractLayer, shape: Shape) -> tuple[Shape, int]:
    """Shape after the layer and its parameters, remembered: leaves change neither."""
    key = jax.tree.structure(layer), shape
    if key not in _known:

        def build(seed: Any) -> tuple[Any, Any]:
            built = layer.build(shape, seed=seed)
            return built, partition(built)[0]

        built, trained = eqx.filter_eval_shape(build, jnp.uint32(0))
        count = sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(trained))
        _known[key] = shape_after(built, shape), count
    return _known[key]
