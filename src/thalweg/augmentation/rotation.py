"""Rotation by small angles, as three shears, each of which moves whole rows.

Paeth 1986, "A fast algorithm for general raster rotation", Graphics Interface '86,
https://graphicsinterface.org/wp-content/uploads/gi1986-15.pdf
"""

import math

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
from thalweg.augmentation.moving import moved, transposed
from thalweg.core.typing import Hyper


class Rotation(AbstractChange):
    """About the centre by up to `degrees` either way; border pixels are repeated.

    **most**: a shape: the degrees that the program has room for, 45 at most.
    """

    degrees: Hyper = limited(10.0, name="degrees")
    most: float = eqx.field(static=True, default=20.0)

    def change(self, x: Images, *, seed: Seed) -> Images:
        most = jnp.minimum(self.degrees, min(self.most, 45)) * (math.pi / 180)
        angle = between(seed, 0, (len(x), 1), most)
        x = self._sheared(x, jnp.tan(angle / 2))
        x = transposed(self._sheared(transposed(x), -jnp.sin(angle)))
        return self._sheared(x, jnp.tan(angle / 2))

    def strength(self) -> Float[Array, ""]:
        return jnp.asarray(self.degrees)

    def _sheared(self, x: Images, slope: Float[Array, "b 1"]) -> Images:
        """Each row moves by `slope` times its distance from the middle one."""
        middle = (x.shape[1] - 1) / 2
        reach = math.ceil(math.sin(min(self.most, 45) * math.pi / 180) * middle) + 1
        distance = jnp.arange(x.shape[1], dtype=x.dtype) - middle
        return moved(x, slope * distance, most=reach)
