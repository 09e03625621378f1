"""What a method of weight sharing is: how a supernet runs, and what is learned when."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, UInt32

from thalweg.architectures.gradient.mixtures import ByLabel
from thalweg.core.typing import Params


class AbstractMethod(eqx.Module):
    """The architecture's parameters ("alphas"), and the network that they make."""

    # the phases of a step (`bilevel.PHASES`), once the warm-up is over
    phases: eqx.AbstractClassVar[tuple[str, ...]]
    # whether all candidates run and are weighed, so that remedies for that apply
    weighs: eqx.AbstractClassVar[bool]
    warm_up: ClassVar[float] = 0.0  # the part of the search that trains weights alone

    @abstractmethod
    def describe(self, tree: Any, config: Mapping[str, Any]) -> Any:
        """The supernet's description, from a tree with choices."""

    @abstractmethod
    def init(self, sizes: Mapping[str, int]) -> Params:
        """The alphas at first, for labels with so many candidates."""

    @abstractmethod
    def running(
        self,
        network: Any,
        alphas: Params,
        allowed: ByLabel,
        *,
        seed: UInt32[Array, ""] | None,
        progress: Float[Array, ""],
    ) -> Any:
        """The network that runs, of the candidates that `allowed` marks with 1.

        **seed**: of this step; None where nothing is left to chance. **progress**: the
        part of the search that is over. An architecture alone is `allowed` one-hot.
        """

    @abstractmethod
    def probabilities(self, alphas: Params) -> dict[str, Float[Array, " k"]]:
        """How much each candidate is wanted; the largest is the answer."""


def zeros(sizes: Mapping[str, int]) -> dict[str, Float[Array, " k"]]:
    """Alphas that prefer nothing.

    Departs from the papers, which draw them with a deviation of 0.001.
    """
    return {label: jnp.zeros(size) for label, size in sizes.items()}


def softmax(alphas: Mapping[str, Array]) -> dict[str, Float[Array, " k"]]:
    """Label by label."""
    return {label: jax.nn.softmax(alpha) for label, alpha in alphas.items()}
