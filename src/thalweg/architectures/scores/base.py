"""What a zero-cost score is: a number for a network that nobody has trained.

A score has two halves. `measure` is traceable and runs on the device, many networks in
one program; `conclude` is NumPy in double precision on the little that came back.
"""

from abc import abstractmethod
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from thalweg.core.trainable import partition, unwrap
from thalweg.core.typing import Key
from thalweg.losses import AbstractLoss


class AbstractScore(eqx.Module):
    """A zero-cost score: higher means that a better network is expected."""

    # what a network is judged on: "nothing" (a shape), "inputs", or "labels" as well
    needs: eqx.AbstractClassVar[str]
    double: eqx.AbstractClassVar[bool]  # whether single precision is too little

    @abstractmethod
    def measure(self, network: Any, x: PyTree, y: Any, *, key: Key) -> Array:
        """What is measured of a freshly initialised network on a batch; traceable.

        Parts of the network that don't run, or whose outputs are not used, must not
        count: branches that a switch doesn't take are there, but are not the network's.
        """

    @abstractmethod
    def conclude(self, measured: np.ndarray) -> float:
        """The score, by what was measured; minus infinity for a dead network."""


class AbstractSize(eqx.Module):
    """A score that is counted by the description alone: the baseline of all others."""

    @abstractmethod
    def count(self, description: Any, inputs: Any, outputs: int) -> float:
        """The score of what the description builds."""


def run(network: Any, x: PyTree) -> Float[Array, "b ..."]:
    """The outputs as in training: normalisations see the batch, nothing is dropped."""
    return network(x, key=None, inference=False)


def uneven(outputs: Float[Array, "b ..."]) -> Float[Array, "b ..."]:
    """Another weight for each output.

    Their sum so weighted depends on all that the outputs do. The plain sum doesn't: it
    is constant where a normalisation comes last.
    """
    count = jnp.arange(outputs.size, dtype=outputs.dtype)
    return jnp.cos(count).reshape(outputs.shape)


def kernels(params: PyTree) -> list[Array]:
    """The weights of convolutions and matrix products; no biases, no scales."""
    return [leaf for leaf in jax.tree.leaves(params) if leaf.ndim > 1]


def loss_and_kernels(
    network: Any, loss: AbstractLoss, x: PyTree, y: Any
) -> tuple[Any, PyTree]:
    """The mean loss as a function of the parameters, and the parameters."""
    params, rest = partition(network)

    def mean(params: PyTree) -> Float[Array, ""]:
        return jnp.mean(loss(run(eqx.combine(params, rest), x), y))

    return mean, params


def scaling(network: Any) -> tuple[Any, Any]:
    """Mean and deviation of the network's own first act: `(x - mean) / std`."""
    mean, std = getattr(network, "mean", None), getattr(network, "std", None)
    return (0.0, 1.0) if mean is None or std is None else (unwrap(mean), unwrap(std))


def finite(value: Any) -> float:
    """The value, or minus infinity where there is none."""
    value = float(value)
    return value if np.isfinite(value) else -np.inf


def alive(value: Any) -> float:
    """The value, or minus infinity for exactly 0: no slope has reached a weight."""
    return finite(value) if value != 0 else -np.inf
