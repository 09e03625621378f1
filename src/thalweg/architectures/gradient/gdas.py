"""GDAS: each step samples one candidate per choice, and only those run.

Dong & Yang 2019, "Searching for a Robust Neural Architecture in Four GPU Hours",
section 3.2, https://arxiv.org/abs/1910.04465
The sample is the largest of logits plus Gumbel noise; backwards it is the softmax of
those at a temperature (straight-through), and of that the sampled entry alone, the
others' outputs being unknown. So a step costs what one architecture costs.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, UInt32

from thalweg.architectures.gradient.method import AbstractMethod, softmax, zeros
from thalweg.architectures.gradient.mixtures import ByLabel, OneOf, replaced
from thalweg.architectures.vocabulary import mixed
from thalweg.core.hyper import hyper
from thalweg.core.typing import Hyper
from thalweg.networks.randomness import place, uniform


class GDAS(AbstractMethod):
    """The cheapest step, and no collapse onto what merely helps others to train."""

    phases: ClassVar[tuple[str, ...]] = ("architecture", "weights")
    weighs: ClassVar[bool] = False

    temperature: Hyper = hyper(10.0)  # at first; it sinks linearly
    end_temperature: Hyper = hyper(0.1)

    def describe(self, tree: Any, config: Mapping[str, Any]) -> Any:
        return mixed(tree, config)

    def init(self, sizes: Mapping[str, int]) -> Any:
        return zeros(sizes)

    def running(
        self,
        network: Any,
        alphas: Any,
        allowed: ByLabel,
        *,
        seed: UInt32[Array, ""] | None,
        progress: Float[Array, ""],
    ) -> Any:
        fall = self.end_temperature - self.temperature
        temperature = self.temperature + fall * progress
        chosen = {}
        for number, (label, alpha) in enumerate(alphas.items()):
            logits = jax.nn.log_softmax(alpha) + jnp.log(allowed[label])
            own = place(seed, number)
            noise = 0.0 if own is None else gumbel(own, alpha.shape)
            chosen[label] = sample(logits + noise, temperature)
        return replaced(network, lambda mix: OneOf(mix.branches, *chosen[mix.label]))

    def probabilities(self, alphas: Any) -> dict[str, Float[Array, " k"]]:
        return softmax(alphas)


def gumbel(seed: UInt32[Array, ""], shape: tuple[int, ...]) -> Float[Array, "..."]:
    """Standard Gumbel noise: logits plus it are largest where softmax would sample."""
    return -jnp.log(-jnp.log(0.5 + 0.5 * uniform(seed, shape)))


def sample(
    noisy: Float[Array, " k"], temperature: Hyper
) -> tuple[Array, Float[Array, ""]]:
    """The index of the largest, and a 1 that has the gradient of its soft version."""
    index = jnp.argmax(noisy)
    soft = jax.nn.softmax(noisy / temperature)[index]
    return index, 1 + (soft - jax.lax.stop_gradient(soft))
