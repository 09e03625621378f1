"""Cutout: a square of each image is hidden.

DeVries & Taylor 2017, "Improved Regularization of Convolutional Neural Networks with
Cutout", https://arxiv.org/abs/1708.04552
Departs from the paper: the square is filled with the batch's mean colour, which is the
zero of images that were normalised before, as theirs were.
"""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from thalweg.augmentation.base import (
    AbstractChange,
    Images,
    Seed,
    limited,
    uniform,
)
from thalweg.core.typing import Hyper


class Cutout(AbstractChange):
    """Makes a network look at all of an object. `side` is a share of the image's side.

    The square's centre may be anywhere, so that a part of it may lie outside.
    """

    side: Hyper = limited(0.5, name="side", most=1)

    def change(self, x: Images, *, seed: Seed) -> Images:
        centre = uniform(seed, 0, (2, len(x)))
        sides = jnp.broadcast_to(self.side, (2, len(x)))
        mean = jnp.mean(x, axis=(0, 1, 2))
        return jnp.where(boxes(x.shape, centre, sides)[..., None], mean, x)

    def strength(self) -> Float[Array, ""]:
        return jnp.asarray(self.side)


def boxes(
    shape: tuple[int, ...], centre: Float[Array, "2 b"], sides: Float[Array, "2 b"]
) -> Bool[Array, "b h w"]:
    """True within a box of each image; centre and sides are shares of height, width."""

    def within(axis: int, length: int) -> Bool[Array, "b l"]:
        place = (jnp.arange(length) + 0.5) / length
        return jnp.abs(place - centre[axis][:, None]) < sides[axis][:, None] / 2

    return within(0, shape[1])[:, :, None] & within(1, shape[2])[:, None, :]
