"""What an augmentation is: a random function of a batch of images, drawn per example.

Its strengths are leaves, so that members of a population differ in them within one
program, and all randomness comes from one word: the same word, the same images.
"""

import math
from abc import abstractmethod
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, UInt32

from thalweg.core import rng
from thalweg.core.errors import InvalidInput
from thalweg.core.hyper import as_leaf

Images = Float[Array, "b h w c"]
Seed = UInt32[Array, ""]


class AbstractAugmentation(eqx.Module):
    """Either kind; `Chain` tells them apart."""


class AbstractChange(AbstractAugmentation):
    """Changes each image by itself; its target stays as it is."""

    @abstractmethod
    def change(self, x: Images, *, seed: Seed) -> Images:
        """The images changed, each in a way of its own."""

    @abstractmethod
    def strength(self) -> Float[Array, ""]:
        """0 where nothing would change: then `change` is not run."""


class AbstractMixing(AbstractAugmentation):
    """Mixes each image with another, and with it the targets."""

    @abstractmethod
    def rate(self) -> Float[Array, ""]:
        """The probability that an image is mixed."""

    @abstractmethod
    def mix(
        self, x: Images, other: Images, *, seed: Seed
    ) -> tuple[Images, Float[Array, " b"]]:
        """The mixtures, and the share that the first of the two has in its target."""


def uniform(seed: Seed, number: int, shape: tuple[int, ...]) -> Float[Array, "..."]:
    """Uniform numbers in [0, 1): the `number`-th draw that a seed is good for."""
    return rng.uniform(rng.mix(seed + jnp.uint32(number * rng.GOLDEN % 2**32)), shape)


def between(
    seed: Seed, number: int, shape: tuple[int, ...], most: Float[Array, ""]
) -> Float[Array, "..."]:
    """Uniform numbers in [-most, most)."""
    return (2 * uniform(seed, number, shape) - 1) * most


def limited(default: float, *, name: str, most: float = math.inf) -> Any:
    """A field for a hyper-parameter in `[0, most]`. Traced values are believed."""

    def checked(value: Any) -> Any:
        if isinstance(value, int | float) and not 0 <= value <= most:
            raise InvalidInput(
                f"`{name}` must lie in [0, {most:g}], but got {value}. Use 0 for none."
            )
        return as_leaf(value)

    metadata = {"hyper": True}
    return eqx.field(converter=checked, default=default, metadata=metadata)
