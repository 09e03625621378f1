"""Shift: each image is padded and cut out again elsewhere, by whole pixels."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from thalweg.augmentation.base import (
    AbstractChange,
    Images,
    Seed,
    between,
    limited,
)
from thalweg.augmentation.moving import cropped
from thalweg.core.typing import Hyper


class ShiftCrop(AbstractChange):
    """Up to `pixels` in either direction, along both axes; border pixels are repeated.

    The first augmentation to try on anything. **most**: a shape: the pixels that the
    program has room for.
    """

    pixels: Hyper = limited(2.0, name="pixels")
    most: int = eqx.field(static=True, default=4)

    def change(self, x: Images, *, seed: Seed) -> Images:
        reach = jnp.minimum(jnp.floor(self.pixels), self.most)
        # each of the whole numbers as likely, those at the ends too
        by = jnp.round(between(seed, 0, (2, len(x)), reach + 0.499))
        return cropped(x, by.astype(jnp.int32), most=self.most)

    def strength(self) -> Float[Array, ""]:
        return jnp.floor(jnp.asarray(self.pixels))
