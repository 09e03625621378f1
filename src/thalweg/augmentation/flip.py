"""Flip: left and right are swapped."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from thalweg.augmentation.base import (
    AbstractChange,
    Images,
    Seed,
    limited,
    uniform,
)
from thalweg.core.typing import Hyper


class Flip(AbstractChange):
    """For things that look the same in a mirror; not for digits or letters."""

    rate: Hyper = limited(0.5, name="rate", most=1)

    def change(self, x: Images, *, seed: Seed) -> Images:
        swapped = uniform(seed, 0, (len(x), 1, 1, 1)) < self.rate
        return jnp.where(swapped, x[:, :, ::-1], x)

    def strength(self) -> Float[Array, ""]:
        return jnp.asarray(self.rate)
