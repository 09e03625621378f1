"""Colour: brightness, contrast and saturation vary.

As the colour jitter of Krizhevsky, Sutskever & Hinton 2012 and of its many successors:
each is multiplied by a factor near 1. Departs from most: values are not cut to 0 to 255
afterwards, because the network's arithmetic is not 8-bit.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from thalweg.augmentation.base import (
    AbstractChange,
    Images,
    Seed,
    between,
    limited,
)
from thalweg.core.typing import Hyper


class Colour(AbstractChange):
    """For photographs in any light. Factors lie in `1 ± brightness` and so on.

    Contrast is the distance from an image's mean, saturation that from its own grey
    (nothing for grey images).
    """

    brightness: Hyper = limited(0.2, name="brightness")
    contrast: Hyper = limited(0.2, name="contrast")
    saturation: Hyper = limited(0.2, name="saturation")

    def change(self, x: Images, *, seed: Seed) -> Images:
        shape = (len(x), 1, 1, 1)
        x = x * (1 + between(seed, 0, shape, self.brightness))
        mean = _mean(x.reshape(len(x), 1, 1, -1))
        x = mean + (x - mean) * (1 + between(seed, 1, shape, self.contrast))
        if x.shape[3] == 1:
            return x
        grey = _mean(x)
        return grey + (x - grey) * (1 + between(seed, 2, shape, self.saturation))

    def strength(self) -> Float[Array, ""]:
        return self.brightness + self.contrast + self.saturation


def _mean(x: Images) -> Float[Array, "b h w 1"]:
    """Over the last axis: as a product, which a CPU does in vectors."""
    return x @ jnp.full((x.shape[3], 1), 1 / x.shape[3], x.dtype)
