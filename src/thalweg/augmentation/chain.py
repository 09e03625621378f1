"""Several augmentations, one after the other, and mixing at the end."""

from collections.abc import Sequence
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Num, UInt32

from thalweg.augmentation.base import (
    AbstractAugmentation,
    AbstractChange,
    AbstractMixing,
    uniform,
)
from thalweg.core import rng
from thalweg.core.errors import InvalidInput


class Mixture(NamedTuple):
    """Augmented images; `share` is that of the own target, None if all have it whole.

    The rest of a target is that of `partner`.
    """

    x: Float[Array, "b h w c"]
    share: Float[Array, " b"] | None


class Chain(eqx.Module):
    """Changes in the order given; then at most one of the mixings for each image.

    Mixings share out the images by their rates: with `Mixup(probability=0.5)` and
    `CutMix(probability=0.25)` a quarter is left unmixed. Rates of more than 1 together
    are shrunk in proportion: with 1 and 0.5 two thirds are blended, one third is cut.
    Images may be 8-bit; they come out as floating-point numbers in the same unit.
    """

    changes: tuple[AbstractChange, ...]
    mixings: tuple[AbstractMixing, ...]

    def __init__(self, augmentations: Sequence[AbstractAugmentation]):
        for one in augmentations:
            if not isinstance(one, AbstractChange | AbstractMixing):
                raise InvalidInput(
                    "A chain is made of augmentations, such as `Flip()`, but got "
                    f"{one!r}."
                )
        self.changes = tuple(a for a in augmentations if isinstance(a, AbstractChange))
        self.mixings = tuple(a for a in augmentations if isinstance(a, AbstractMixing))

    def __call__(self, x: Num[Array, "b h w c"], *, seed: UInt32[Array, ""]) -> Mixture:
        images = x.astype(jnp.float32)
        for number, change in enumerate(self.changes):
            images = _if_any(change, images, rng.mix(seed + jnp.uint32(number)))
        if not self.mixings:
            return Mixture(images, None)
        return self._mixed(images, rng.mix(~seed))

    def _mixed(self, x: Float[Array, "b h w c"], seed: UInt32[Array, ""]) -> Mixture:
        own = jnp.ones(len(x), jnp.float32)
        drawn, below = uniform(seed, 0, (len(x),)), jnp.float32(0)
        images, share = x, own
        rates = [mixing.rate().astype(jnp.float32) for mixing in self.mixings]
        together = jnp.maximum(1, sum(rates))
        for number, mixing in enumerate(self.mixings, 1):
            rate = rates[number - 1] / together
            word = rng.mix(seed + jnp.uint32(number))
            mixed, kept = jax.lax.cond(
                rate > 0,
                lambda m, w: m.mix(x, partner(x), seed=w),
                lambda m, w: (x, own),
                mixing,
                word,
            )
            chosen = (drawn >= below) & (drawn < below + rate)
            images = jnp.where(chosen[:, None, None, None], mixed, images)
            share = jnp.where(chosen, kept, share)
            below = below + rate
        return Mixture(images, share)


def partner(rows: Num[Array, "b ..."]) -> Num[Array, "b ..."]:
    """What is mixed with each row: its neighbour. A batch is in random order anyway."""
    return jnp.roll(rows, 1, axis=0)


def _if_any(
    change: AbstractChange, x: Float[Array, "b h w c"], seed: UInt32[Array, ""]
) -> Float[Array, "b h w c"]:
    return jax.lax.cond(
        change.strength() > 0,
        lambda c, x, s: c.change(x, seed=s),
        lambda c, x, s: x,
        change,
        x,
        seed,
    )
