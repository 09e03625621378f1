"""NASWOT: how differently the activations of different examples are switched.

Mellor et al. 2021, "Neural architecture search without training", section 3,
https://arxiv.org/abs/2006.04647 (third version)
Entry i, j of the kernel is how many units are on for both of two examples or off for
both; the score is the logarithm of its determinant. As in the authors' code, units are
those of activations on which the output depends, and batch normalisation sees the
batch. Departs from the paper: an activation need not be ReLU; on is above zero.
"""

from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from thalweg.activations import Activation
from thalweg.architectures.scores.base import AbstractScore, finite, run, uneven
from thalweg.architectures.scores.probes import seen
from thalweg.core.typing import Key


class NASWOT(AbstractScore):
    """Needs activations; the papers take 128 examples, no two alike."""

    needs: ClassVar[str] = "inputs"
    double: ClassVar[bool] = False

    def measure(
        self, network: Any, x: PyTree, y: Any, *, key: Key
    ) -> Float[Array, "b b"]:
        """The kernel, in whole numbers."""
        del y, key

        def output(network: Any) -> Float[Array, ""]:
            outputs = run(network, x)
            return jnp.sum(uneven(outputs) * outputs)

        return seen(
            network,
            output,
            agreement,
            at=lambda node: isinstance(node, Activation),
            side="input",
            shape=(x.shape[0], x.shape[0]),
        )

    def conclude(self, measured: np.ndarray) -> float:
        """The logarithm of its determinant."""
        return finite(np.linalg.slogdet(np.asarray(measured, np.float64))[1])


def agreement(x: Float[Array, "b ..."], slope: Array) -> Float[Array, "b b"]:
    """On how many units two examples agree."""
    del slope
    on = (x > 0).reshape(x.shape[0], -1).astype(jnp.float32)
    sign = 2 * on - 1  # products are 1 where they agree, -1 where they don't
    return (sign.shape[1] + jnp.matmul(sign, sign.T, precision="highest")) / 2
