"""Zen-score: how much the features move when the input does, at Gaussian weights.

Lin et al. 2021, algorithm 1, https://arxiv.org/abs/2102.01063
The features are those before the global pooling. Batch normalisation would hide their
growth, so the logarithms of its standard deviations are added. As in the authors' code
weights are standard normal, 16 inputs are too, and the change of each is summed.
Departs from that: a variance is the batch's, as in the paper, and not a running
average; 4 repeats and not 32; and normalisations that no output depends on don't count.
"""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from thalweg.architectures.scores.base import AbstractScore, finite
from thalweg.architectures.scores.probes import seen
from thalweg.core import rng
from thalweg.core.errors import InvalidInput
from thalweg.core.trainable import partition
from thalweg.core.typing import Key
from thalweg.networks.layers.normalization import BatchNormalization
from thalweg.networks.randomness import normal, place
from thalweg.networks.stack import StackNetwork


class Zen(AbstractScore):
    """For convolutional networks with batch normalisation; a `Stack` only."""

    needs: ClassVar[str] = "nothing"
    double: ClassVar[bool] = False

    repeats: int = eqx.field(static=True, default=4)
    rows: int = eqx.field(static=True, default=16)
    step: float = eqx.field(
        static=True, default=0.01
    )  # of the input, in its deviations

    def measure(
        self, network: Any, x: PyTree, y: Any, *, key: Key
    ) -> Float[Array, " r"]:
        """Each repeat's score."""
        del y
        if not isinstance(network, StackNetwork):
            raise InvalidInput(
                "The Zen-score looks at features before a network's global pooling, so "
                f"it needs a `networks.Stack`, but got {type(network).__name__}."
            )
        seed = rng.word(key)
        numbers = jnp.arange(self.repeats, dtype=jnp.uint32)
        return jax.lax.map(
            lambda i: self._once(network, x.shape[1:], rng.mix(seed + i)), numbers
        )

    def _once(self, network: StackNetwork, shape: Any, seed: Any) -> Float[Array, ""]:
        network = gaussian(network, place(seed, 0))
        z = normal(place(seed, 1), (self.rows, *shape))
        moved = z + self.step * normal(place(seed, 2), z.shape)

        def features(network: StackNetwork, z: Array) -> Float[Array, "b ..."]:
            return network.body(z, seed=None, inference=False)

        change = features(network, moved) - features(network, z)
        scales = seen(
            network,
            lambda network: jnp.sum(features(network, z)),
            log_deviation,
            at=lambda node: isinstance(node, BatchNormalization),
            side="input",
        )
        return jnp.log(jnp.sum(jnp.abs(change)) / self.rows) + scales

    def conclude(self, measured: np.ndarray) -> float:
        """Their mean."""
        return finite(np.mean(measured))


def gaussian(network: Any, seed: Any) -> Any:
    """The network with standard normal weights.

    Those of a kernel depend on what it was, not on where it is in the tree, so that
    they are the same in a branch of a switch as without the other branches.
    """

    def drawn(kernel: Array) -> Array:
        first = kernel.reshape(-1)[0].astype(jnp.float32)
        own = jax.lax.bitcast_convert_type(first, jnp.uint32)
        return normal(rng.mix(seed ^ own), kernel.shape)

    params, rest = partition(network)
    params = jax.tree.map(lambda p: drawn(p) if p.ndim > 1 else p, params)
    return eqx.combine(params, rest)


def log_deviation(x: Float[Array, "b *n c"], slope: Array) -> Float[Array, ""]:
    """Of a batch: half the logarithm of the channels' mean variance."""
    del slope
    return jnp.log(jnp.mean(jnp.var(x, axis=tuple(range(x.ndim - 1))))) / 2
