"""What a layer is, and the module that it builds for an input of a known shape.

A *layer* is a small frozen description: hyper-parameters that are shapes are static,
the others are leaves. It may hold a placeholder wherever it holds a value, so nothing
is checked before `build`. Images are `[b, height, width, channels]`.
"""

from abc import abstractmethod
from typing import Any, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, UInt32

from thalweg.core.errors import InvalidInput

Shape: TypeAlias = tuple[int, ...]  # of an example: without the batch's axis


class AbstractModule(eqx.Module):
    """A function of a batch, with its parameters as leaves."""

    @abstractmethod
    def __call__(
        self,
        x: Float[Array, "b ..."],
        *,
        seed: UInt32[Array, ""] | None = None,
        inference: bool = False,
    ) -> Float[Array, "b ..."]:
        """Outputs for a batch; `seed` is a word, and None means no random numbers."""


class AbstractLayer(eqx.Module):
    """The hyper-parameters of a layer."""

    @abstractmethod
    def build(self, shape: Shape, *, seed: UInt32[Array, ""]) -> Any:
        """The module for examples of `shape`, freshly initialised from `seed`.

        Raises InvalidInput for hyper-parameters that break a rule, or don't fit.
        """


def shape_after(module: Any, shape: Shape) -> Shape:
    """The shape of an example of `shape` after the module."""
    x = jax.ShapeDtypeStruct((1, *shape), jnp.result_type(float))
    return tuple(eqx.filter_eval_shape(module, x, inference=True).shape[1:])


def check_image(layer: AbstractLayer, shape: Shape) -> None:
    """Raise unless examples are images `[height, width, channels]`."""
    if len(shape) != 3:
        raise InvalidInput(
            f"{name(layer)} works on images of the shape (height, width, channels), "
            f"but got the shape {tuple(shape)}."
        )


def whole(layer: AbstractLayer, least: int = 1, **values: Any) -> None:
    """Raise for a value that is no whole number of at least `least`."""
    for field, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise InvalidInput(
                f"{name(layer)} needs a whole number >= {least} for `{field}`, "
                f"but got {value!r}."
            )


def pair(layer: AbstractLayer, least: int = 1, **value: Any) -> tuple[int, int]:
    """A whole number for both axes, or one for each, as two."""
    ((field, both),) = value.items()
    both = tuple(both) if isinstance(both, list | tuple) else (both, both)
    if len(both) != 2:
        raise InvalidInput(
            f"{name(layer)} needs one or two numbers for `{field}`, but got {both}."
        )
    for one in both:
        whole(layer, least, **{field: one})
    return both


def name(layer: AbstractLayer) -> str:
    """What an error calls the layer."""
    return f"`{type(layer).__name__}`"
