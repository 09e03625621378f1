"""Jacobian covariance: how differently the network depends on different examples.

Mellor et al. 2020, first version, section 3, https://arxiv.org/abs/2006.04647v1
The same on 64 examples: Abdelfattah et al. 2021, https://arxiv.org/abs/2101.08134
The slopes of the summed outputs by each example's numbers are correlated between
examples; the score is high where the eigenvalues of that matrix are near one. As in the
code of both, batch normalisation sees the batch, and slopes go through its statistics.
Departs from that code where a normalisation comes last, with nothing but linear layers
behind it: the sum is then constant and its slopes are rounding, which is said (minus
infinity) and not scored.
"""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from thalweg.architectures.scores.base import (
    AbstractScore,
    finite,
    run,
    scaling,
    uneven,
)
from thalweg.core.typing import Key

SMALL = 1e-5  # added to eigenvalues
ROUNDING = 1e-4  # of the slopes of a sum that isn't constant


class JacobianCovariance(AbstractScore):
    """Wants examples that differ: 64 to 256 of them, and no two alike."""

    needs: ClassVar[str] = "inputs"
    double: ClassVar[bool] = False

    def measure(
        self, network: Any, x: PyTree, y: Any, *, key: Key
    ) -> Float[Array, "b b"]:
        """Correlations between examples; NaN where one changes nothing."""
        del y, key
        outputs, pull = jax.vjp(lambda x: run(network, x), x)
        (slopes,), (others,) = pull(jnp.ones_like(outputs)), pull(uneven(outputs))
        least = ROUNDING * jnp.linalg.norm(others)
        slopes = jnp.where(jnp.linalg.norm(slopes) > least, slopes, jnp.nan)
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
