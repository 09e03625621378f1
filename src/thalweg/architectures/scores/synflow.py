"""Synflow: the product of all weights along each path, summed over all paths.

Tanaka et al. 2020, section 6, https://arxiv.org/abs/2006.05467
As a score of architectures: Abdelfattah et al. 2021, section 3.2.2,
https://arxiv.org/abs/2101.08134
As in the code of the latter, normalisations are taken out, all parameters are their
absolute values, the input is one example of ones, in double precision, and the weights
of convolutions and matrix products count, not biases.
Departs from it: the logarithm, which changes no ranking.
"""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from thalweg.architectures.scores.base import (
    AbstractScore,
    finite,
    kernels,
    run,
    scaling,
)
from thalweg.core.trainable import partition
from thalweg.core.typing import Key
from thalweg.networks.layers.normalization import BatchNormalization, GroupNormalization


class Untouched(eqx.Module):
    """In the place of a normalisation: its input."""

    def __call__(self, x: Array, **kwargs: Any) -> Array:
        del kwargs
        return x


class Synflow(AbstractScore):
    """The best known without any data; deeper and wider is better for it."""

    needs: ClassVar[str] = "nothing"
    double: ClassVar[bool] = True  # forty layers multiply to 10^60

    def measure(self, network: Any, x: PyTree, y: Any, *, key: Key) -> Float[Array, ""]:
        """Sum of weights times slopes."""
        del y, key
        params, rest = partition(without_normalization(network))
        params = jax.tree.map(jnp.abs, params)
        mean, std = scaling(network)
        ones = mean + std * jnp.ones((1, *x.shape[1:]))

        def flow(params: PyTree) -> Float[Array, ""]:
            return jnp.sum(run(eqx.combine(params, rest), ones))

        slopes = jax.grad(flow)(params)
        pairs = zip(kernels(params), kernels(slopes), strict=True)
        return sum((jnp.sum(jnp.abs(w * g)) for w, g in pairs), jnp.zeros(()))

    def conclude(self, measured: np.ndarray) -> float:
        """Its logarithm."""
        with np.errstate(divide="ignore"):
            return finite(np.log(measured))


def without_normalization(network: Any) -> Any:
    """The network as if its normalisations were not there."""

    def normalizes(node: Any) -> bool:
        return isinstance(node, BatchNormalization | GroupNormalization)

    return jax.tree.map(
        lambda node: Untouched() if normalizes(node) else node,
        network,
        is_leaf=normalizes,
    )
