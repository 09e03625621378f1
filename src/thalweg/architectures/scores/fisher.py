"""Fisher: how much the loss would change if channels were taken away.

Theis et al. 2018, equation 7, https://arxiv.org/abs/1801.05787; Turner et al. 2020,
BlockSwap, https://arxiv.org/abs/1906.04113
As a score of architectures: Abdelfattah et al. 2021, section 3.2.2,
https://arxiv.org/abs/2101.08134. As in their code: outputs of convolutions and matrix
products; of each channel half the mean over examples of (activation times slope, summed
over places) squared, where the slope is that of the batch's mean loss; and a channel
counts as often as it has weights.
"""

import math
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from thalweg.architectures.scores.base import AbstractScore, alive, run
from thalweg.architectures.scores.probes import seen
from thalweg.core.typing import Key
from thalweg.losses import AbstractLoss, CrossEntropy
from thalweg.networks.layers.convolution import Convolution
from thalweg.networks.layers.dense import FullyConnected
from thalweg.networks.linear import Linear


class Fisher(AbstractScore):
    """Needs layers with channels."""

    needs: ClassVar[str] = "labels"
    double: ClassVar[bool] = False

    loss: AbstractLoss = eqx.field(default_factory=CrossEntropy)

    def measure(self, network: Any, x: PyTree, y: Any, *, key: Key) -> Float[Array, ""]:
        """The sum over channels, each times its weights' number."""
        del key
        return seen(
            network,
            lambda network: jnp.mean(self.loss(run(network, x), y)),
            information,
            at=lambda node: isinstance(node, Convolution | FullyConnected | Linear),
            side="output",
            times=weights_of_a_channel,
        )

    def conclude(self, measured: np.ndarray) -> float:
        """As it is."""
        return alive(measured)


def weights_of_a_channel(layer: Any) -> int:
    """The numbers that each output of a layer weighs."""
    return math.prod(layer.kernel.shape[:-1])


def information(x: Float[Array, "b *n c"], slope: Array) -> Float[Array, ""]:
    """Half the mean square of what the channels contribute, added."""
    effect = jnp.sum(x * slope, axis=tuple(range(1, x.ndim - 1)))
    return jnp.sum(jnp.mean(jnp.square(effect), axis=0)) / 2
