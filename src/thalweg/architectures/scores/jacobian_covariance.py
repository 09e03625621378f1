"""Jacobian covariance: how differently the network depends on different examples.

Mellor et al. 2020, first version, section 3, https://arxiv.org/abs/2006.04647v1
The same on 64 examples: Abdelfattah et al. 2021, https://arxiv.org/abs/2101.08134
The slopes of the summed outputs by each example's numbers are correlated between
examples; the score is high where the eigenvalues of that matrix are near one.
Departs from the code of both in nothing that is known.
"""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from thalweg.architectures.scores.base import AbstractScore, finite, run, scaling
from thalweg.core.typing import Key

SMALL = 1e-5  # added to eigenvalues


class JacobianCovariance(AbstractScore):
    """Wants examples that differ: 64 to 256 of them, and no two alike."""

    needs: ClassVar[str] = "inputs"
    double: ClassVar[bool] = False

    def measure(
        self, network: Any, x: PyTree, y: Any, *, key: Key
    ) -> Float[Array, "b b"]:
        """Correlations between examples; NaN where one changes nothing."""
        del y, key
        slopes = jax.grad(lambda x: jnp.sum(run(network, x)))(x)
        _, std = scaling(network)  # slopes by what the first layer sees
        slopes = (slopes * std).reshape(x.shape[0], -1)
        centred = slopes - jnp.mean(slopes, axis=1, keepdims=True)
        units = centred / jnp.linalg.norm(centred, axis=1, keepdims=True)
        return jnp.matmul(units, units.T, precision="highest")

    def conclude(self, measured: np.ndarray) -> float:
        """Minus the eigenvalues' divergence from those of independent examples."""
        if not np.isfinite(measured).all():
            return -np.inf
        values = np.maximum(np.linalg.eigvalsh(measured), 0) + SMALL
        return finite(-np.sum(np.log(values) + 1 / values))
