"""SNIP: how much the loss would change if weights were taken away.

Lee et al. 2019, equation 5, https://arxiv.org/abs/1810.02340
As a score of architectures: Abdelfattah et al. 2021, section 3.2.2,
https://arxiv.org/abs/2101.08134. As there, the absolute saliencies are added, not
divided by their sum. `Plain` adds them with their signs, as is done there too.
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


class SNIP(AbstractScore):
    """The sum of absolute weights times slopes of the loss."""

    needs: ClassVar[str] = "labels"
    double: ClassVar[bool] = False

    loss: AbstractLoss = eqx.field(default_factory=CrossEntropy)

    def measure(self, network: Any, x: PyTree, y: Any, *, key: Key) -> Float[Array, ""]:
        """The sum."""
        del key
        parts = [jnp.sum(jnp.abs(s)) for s in saliencies(network, self.loss, x, y)]
        return sum(parts, jnp.zeros(()))

    def conclude(self, measured: np.ndarray) -> float:
        """As it is."""
        return alive(measured)


class Plain(AbstractScore):
    """The sum of weights times slopes: a control, for what the absolute values do."""

    needs: ClassVar[str] = "labels"
    double: ClassVar[bool] = False

    loss: AbstractLoss = eqx.field(default_factory=CrossEntropy)

    def measure(self, network: Any, x: PyTree, y: Any, *, key: Key) -> Float[Array, ""]:
        """The sum."""
        del key
        parts = [jnp.sum(s) for s in saliencies(network, self.loss, x, y)]
        return sum(parts, jnp.zeros(()))

    def conclude(self, measured: np.ndarray) -> float:
        """As it is."""
        return alive(measured)


def saliencies(network: Any, loss: AbstractLoss, x: PyTree, y: Any) -> list[Array]:
    """Each weight times the slope of the loss by it."""
    mean, params = loss_and_kernels(network, loss, x, y)
    pairs = zip(kernels(params), kernels(jax.grad(mean)(params)), strict=True)
    return [w * g for w, g in pairs]
