"""CutMix: a box of each image is replaced by another's, and so much of its target.

Yun, Han, Oh, Chun, Choe & Yoo 2019, "CutMix: Regularization Strategy to Train Strong
Classifiers with Localizable Features", https://arxiv.org/abs/1905.04899
Departs from the paper: each image draws a box of its own, not each batch.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from thalweg.augmentation.base import AbstractMixing, Images, Seed, limited, uniform
from thalweg.augmentation.cutout import boxes
from thalweg.augmentation.mixup import beta
from thalweg.core.typing import Hyper


class CutMix(AbstractMixing):
    """For large networks and long trainings, which learn images by heart.

    The box has the share `1 - Beta(alpha, alpha)` of the area, where it lies inside;
    targets are mixed by what was really replaced. **probability**: of an image.
    """

    alpha: Hyper = limited(1.0, name="alpha", most=1)
    probability: Hyper = limited(0.5, name="probability", most=1)

    def rate(self) -> Float[Array, ""]:
        return jnp.where(self.alpha > 0, self.probability, 0.0)

    def mix(
        self, x: Images, other: Images, *, seed: Seed
    ) -> tuple[Images, Float[Array, " b"]]:
        share = beta(seed, self.alpha, len(x))
        centre = uniform(seed, 1, (2, len(x)))
        box = boxes(x.shape, centre, jnp.sqrt(1 - share) * jnp.ones((2, 1)))
        replaced = jnp.mean(box, axis=(1, 2), dtype=jnp.float32)
        return jnp.where(box[..., None], other, x), 1 - replaced
