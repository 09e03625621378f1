"""GraSP: how much taking weights away would shorten the next gradient.

Wang et al. 2020, equation 8, https://arxiv.org/abs/2002.07376
As a score of architectures: Abdelfattah et al. 2021, section 3.2.2,
https://arxiv.org/abs/2101.08134, whose sign it has: minus the sum of weights times the
Hessian's product with the gradient.
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


class GraSP(AbstractScore):
    """Costs twice a gradient; seldom better than the others."""

    needs: ClassVar[str] = "labels"
    double: ClassVar[bool] = False

    loss: AbstractLoss = eqx.field(default_factory=CrossEntropy)

    def measure(self, network: Any, x: PyTree, y: Any, *, key: Key) -> Float[Array, ""]:
        """Minus the sum of `w * (H g)`, where g is of the weights that count."""
        del key
        mean, params = loss_and_kernels(network, self.loss, x, y)
        slope = jax.grad(mean)
        along = jax.tree.map(
            lambda g: g if g.ndim > 1 else jnp.zeros_like(g), slope(params)
        )
        _, product = jax.jvp(slope, (params,), (along,))
        pairs = zip(kernels(params), kernels(product), strict=True)
        return -sum((jnp.sum(w * h) for w, h in pairs), jnp.zeros(()))

    def conclude(self, measured: np.ndarray) -> float:
        """As it is."""
        return alive(measured)
