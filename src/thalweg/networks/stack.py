"""A network from a list of layers, on images or on the columns of a table."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
from jaxtyping import Array, Float

from thalweg.core import rng
from thalweg.core.errors import InvalidInput
from thalweg.core.trainable import Fixed
from thalweg.core.typing import Key
from thalweg.networks.base import (
    AbstractDescription,
    AbstractNetwork,
    Batch,
    Images,
    Inputs,
    columns,
)
from thalweg.networks.initializers import as_initializer
from thalweg.networks.layers import Dense, Flatten, GlobalPool, Sequential, shape_after
from thalweg.networks.layers.sequential import as_layers
from thalweg.networks.randomness import place

HEADS = ("pool", "flatten")


class StackNetwork(AbstractNetwork):
    """See `Stack`."""

    body: Any
    head: Any
    mean: Fixed | None  # of each channel; None for a table, whose columns are scaled
    std: Fixed | None
    inputs: Inputs | None

    def __call__(
        self, x: Batch, *, key: Key | None = None, inference: bool = False
    ) -> Float[Array, "b c"]:
        seed = None if key is None or inference else rng.word(key)
        h = self._scaled(x)
        h = self.body(h, seed=place(seed, 0), inference=inference)
        return self.head(h, seed=place(seed, 1), inference=inference)

    def _scaled(self, x: Any) -> Float[Array, "b ..."]:
        if self.mean is None or self.std is None:
            assert self.inputs is not None
            numeric, _ = columns(x, self.inputs)
            assert numeric is not None
            return numeric
        x = x[..., None] if x.ndim == 3 else x  # grey
        return (x - self.mean.value) / self.std.value


class Stack(AbstractDescription):
    """Layers of your own, then a head with as many outputs as the targets need.

    **layers**: a list of `thalweg.networks.layers`, or one. **head**: what becomes of
    an image before the last linear layer: its channels' means ("pool") or all its
    numbers ("flatten"). **head_init**: the last linear layer's first weights, as
    `init` of `Dense`.
    """

    layers: Sequence[Any] | Any = eqx.field(converter=as_layers)
    head: Any = eqx.field(static=True, default="pool")
    head_init: Any = eqx.field(default="lecun", converter=as_initializer)

    def build(self, inputs: Any, outputs: int, *, key: Key) -> StackNetwork:
        if self.head not in HEADS:
            raise InvalidInput(
                f"The head of a `Stack` is one of {HEADS}, but got {self.head!r}."
            )
        seed = rng.word(key)
        shape = shape_of(inputs)
        layers = self.layers if isinstance(self.layers, tuple) else (self.layers,)
        body = Sequential(layers).build(shape, seed=place(seed, 0))
        last = GlobalPool() if self.head == "pool" else Flatten()
        head = Sequential([last, Dense(outputs, init=self.head_init)])
        scaled = isinstance(inputs, Images)
        return StackNetwork(
            body,
            head.build(shape_after(body, shape), seed=place(seed, 1)),
            Fixed(inputs.mean) if scaled else None,
            Fixed(inputs.std) if scaled else None,
            None if scaled else Inputs(numeric=inputs.numeric),
        )


def shape_of(inputs: Any) -> tuple[int, ...]:
    """Of an example of such inputs, as a `Stack` sees it."""
    if isinstance(inputs, Images):
        return inputs.height, inputs.width, inputs.channels
    if not isinstance(inputs, Inputs) or not inputs.numeric or inputs.cardinalities:
        raise InvalidInput(
            "A `Stack` is for images [n, height, width, channels] or numbers [n, d], "
            f"but got {inputs}."
        )
    return (inputs.numeric,)
