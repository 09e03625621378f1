"""Mixup: images and targets are blended in pairs.

Zhang, Cissé, Dauphin & Lopez-Paz 2017, "mixup: Beyond Empirical Risk Minimization",
https://arxiv.org/abs/1710.09412
Departs from the paper: each image draws a share of its own, not each batch.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from thalweg.augmentation.base import (
    AbstractMixing,
    Images,
    Seed,
    limited,
    uniform,
)
from thalweg.core.typing import Hyper

_ATTEMPTS = 16  # of which each is accepted with a probability of at least 1/2


class Mixup(AbstractMixing):
    """Against over-confident networks; the share is `Beta(alpha, alpha)`.

    **alpha**: 0.1 to 0.4 in the paper, at most 1. **probability**: of an image.
    """

    alpha: Hyper = limited(0.2, name="alpha", most=1)
    probability: Hyper = limited(1.0, name="probability", most=1)

    def rate(self) -> Float[Array, ""]:
        return jnp.where(self.alpha > 0, self.probability, 0.0)

    def mix(
        self, x: Images, other: Images, *, seed: Seed
    ) -> tuple[Images, Float[Array, " b"]]:
        share = beta(seed, self.alpha, len(x))
        own = share[:, None, None, None]
        return own * x + (1 - own) * other, share


def beta(seed: Seed, alpha: Float[Array, ""], size: int) -> Float[Array, " n"]:
    """Numbers of `Beta(alpha, alpha)`, `alpha` in (0, 1].

    By the method of Jöhnk 1964, "Erzeugung von betaverteilten und gammaverteilten
    Zufallszahlen", Metrika 8: with `u^(1/a) + v^(1/a) <= 1` take the share of the first
    in the sum. Of 16 attempts the last that holds; at most one number in 65,000 has
    none, and is 1/2.
    """

    def attempt(number: Array, share: Float[Array, " n"]) -> Float[Array, " n"]:
        drawn = uniform(seed + number.astype(jnp.uint32), 0, (2, size))
        u, v = jnp.log(drawn + 2**-25) / alpha
        holds = jnp.exp(u) + jnp.exp(v) <= 1
        return jnp.where(holds, jax.nn.sigmoid(u - v), share)

    half = jnp.full(size, 0.5, jnp.float32)
    return jax.lax.fori_loop(0, _ATTEMPTS, attempt, half)
