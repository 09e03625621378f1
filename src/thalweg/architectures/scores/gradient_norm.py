"""Gradient norm: the length of the first gradient, layer by layer.

As a score of architectures: Abdelfattah et al. 2021, section 3.2.1,
https://arxiv.org/abs/2101.08134. As there, norms of each layer's weights are added.
"""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from thalweg.architectures.scores.base import (
    AbstractScore,
    alive,
    kernels,
    loss_and_kernels,
)
from thalweg.core.typing import Key
from thalweg.losses import AbstractLoss, CrossEntropy


class GradientNorm(AbstractScore):
    """The simplest that sees labels."""

    needs: ClassVar[str] = "labels"
    double: ClassVar[bool] = False

    loss: AbstractLoss = eqx.field(default_factory=CrossEntropy)

    def measure(self, network: Any, x: PyTree, y: Any, *, key: Key) -> Float[Array, ""]:
        """The sum of norms."""
        del key
        mean, params = loss_and_kernels(network, self.loss, x, y)
        slopes = kernels(jax.grad(mean)(params))
        norms = [jnp.sqrt(jnp.sum(jnp.square(g))) for g in slopes]
        return sum(norms, jnp.zeros(()))

    def conclude(self, measured: np.ndarray) -> float:
        """As it is."""
        return alive(measured)
