"""What a network is, what builds it, and what it is built for.

A *description* is a module of hyper-parameters (leaves) and shapes (static). Its
`build` is traceable, so that under `jax.vmap` a stacked population of descriptions
builds a stacked population of networks in one program.
"""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Num

from thalweg.core.errors import InvalidInput
from thalweg.core.typing import Key

# Float[b, d] or images, or {"numeric": Float[b, dn], "categorical": Int[b, dc]}
Batch: TypeAlias = Num[Array, "b *d"] | Mapping[str, Array]


def _as_bins(value: Any) -> Any:
    return None if value is None else jnp.asarray(value, jnp.result_type(float))


class Inputs(eqx.Module):
    """The columns of a table as a network sees them."""

    numeric: int = eqx.field(static=True, default=0)
    # categories of each column; code 0 stands for unknown or missing, and is counted
    cardinalities: tuple[int, ...] = eqx.field(static=True, converter=tuple, default=())
    # increasing quantiles of each numeric column's training part; they may repeat
    bins: Float[Array, "d q"] | None = eqx.field(default=None, converter=_as_bins)

    def __check_init__(self) -> None:
        if self.numeric < 0 or any(n < 1 for n in self.cardinalities):
            raise InvalidInput(
                "`numeric` must be >= 0 and each of `cardinalities` >= 1, but got "
                f"numeric={self.numeric}, cardinalities={self.cardinalities}."
            )
        if self.numeric == 0 and not self.cardinalities:
            raise InvalidInput(
                "A network needs at least one column, but got `numeric=0` and no "
                "`cardinalities`. Keep at least one feature."
            )
        if self.bins is not None and jnp.shape(self.bins)[-2:-1] != (self.numeric,):
            raise InvalidInput(
                f"`bins` needs a row of edges for each of the {self.numeric} numeric "
                f"columns, but got the shape {jnp.shape(self.bins)}."
            )

    def example(self, rows: int) -> dict[str, jax.ShapeDtypeStruct]:
        """Shapes of a batch of so many rows."""
        shapes = {}
        if self.numeric:
            numeric = jax.ShapeDtypeStruct((rows, self.numeric), jnp.result_type(float))
            shapes["numeric"] = numeric
        if self.cardinalities:
            codes = (rows, len(self.cardinalities))
            shapes["categorical"] = jax.ShapeDtypeStruct(codes, jnp.int32)
        return shapes


class Images(eqx.Module):
    """Images `[height, width, channels]` as a network sees them.

    Its first act is `(x - mean) / std`, so the data itself may stay `uint8`. Grey ones
    may come without the axis of channels.
    """

    height: int = eqx.field(static=True)
    width: int = eqx.field(static=True)
    channels: int = eqx.field(static=True)
    # of each channel, over the training rows
    mean: Float[Array, "*s c"] = eqx.field(converter=jnp.asarray)
    std: Float[Array, "*s c"] = eqx.field(converter=jnp.asarray)

    def example(self, rows: int) -> jax.ShapeDtypeStruct:
        """Shapes of a batch of so many images."""
        shape = (rows, self.height, self.width, self.channels)
        return jax.ShapeDtypeStruct(shape, jnp.result_type(float))


class AbstractNetwork(eqx.Module):
    """A function of a batch, with its parameters as leaves.

    What is trained are the inexact arrays that lie below no `Fixed`.
    """

    @abstractmethod
    def __call__(
        self, x: Batch, *, key: Key | None = None, inference: bool = False
    ) -> Float[Array, "b *m c"]:
        """Outputs `[b, c]`, or `[b, m, c]` from an ensemble in one network.

        Dropout needs a `key`, and is off without one or with `inference=True`.
        """


class AbstractDescription(eqx.Module):
    """The hyper-parameters of a network; those that are no shape are leaves."""

    @abstractmethod
    def build(self, inputs: Inputs, outputs: int, *, key: Key) -> AbstractNetwork:
        """A freshly initialised network with `outputs` outputs."""


def columns(
    x: Batch, inputs: Inputs
) -> tuple[Float[Array, "b dn"] | None, Int[Array, "b dc"] | None]:
    """The numeric and the categorical part of a batch, each None if it has none."""
    parts: Mapping[str, Any] = x if isinstance(x, Mapping) else {"numeric": x}
    found = []
    expected = {"numeric": inputs.numeric, "categorical": len(inputs.cardinalities)}
    for name, width in expected.items():
        part = parts.get(name)
        got = 0 if part is None else part.shape[-1]
        if got != width:
            raise InvalidInput(
                f"The network was built for {width} {name} columns, but got {got}."
            )
        found.append(part if width else None)
    return found[0], found[1]
