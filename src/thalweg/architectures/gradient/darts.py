"""DARTS: all candidates run, weighed by a softmax whose logits learn on other data.

Liu, Simonyan & Yang 2019, "DARTS: Differentiable Architecture Search", Algorithm 1,
https://arxiv.org/abs/1806.09055
Departs from the paper: whatever is chosen may be `none`, as in NAS-Bench-201. Against
collapse, if asked for: an auxiliary skip beside each mixture, whose strength sinks from
1 to 0 (Chu et al. 2021, "DARTS-", https://arxiv.org/abs/2009.01027, linear decay), and
dropout of the skip candidate that also sinks to 0 (Chen et al. 2019, "P-DARTS",
section 3.3, https://arxiv.org/abs/1904.12760).
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float, UInt32

from thalweg.architectures.gradient.method import AbstractMethod, softmax, zeros
from thalweg.architectures.gradient.mixtures import (
    Assisted,
    ByLabel,
    is_skip,
    replaced,
    restricted,
)
from thalweg.architectures.vocabulary import Mix, assign, mixed
from thalweg.core.hyper import hyper
from thalweg.core.rng import uniform
from thalweg.core.trainable import Fixed, unwrap
from thalweg.core.typing import Hyper
from thalweg.networks.randomness import place


class DARTS(AbstractMethod):
    """First order: simple, and prone to collapse onto skips without a remedy."""

    phases: ClassVar[tuple[str, ...]] = ("architecture", "weights")
    weighs: ClassVar[bool] = True

    auxiliary_skip: Hyper | None = hyper(None)  # its strength at first
    skip_dropout: Hyper | None = hyper(None)  # its rate at first

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
        weights = {
            label: restricted(weight, allowed[label])
            for label, weight in self.probabilities(alphas).items()
        }
        return self.assisted(assign(network, weights), seed, 1 - progress)

    def probabilities(self, alphas: Any) -> dict[str, Float[Array, " k"]]:
        return softmax(alphas)

    def assisted(self, network: Any, seed: Any, left: Float[Array, ""]) -> Any:
        """The network with the remedies that are asked for, so far as they are left."""
        numbers = iter(range(10**6))

        def make(mix: Mix) -> Any:
            if self.skip_dropout is not None and seed is not None:
                kept = place(seed, next(numbers)), 1 - self.skip_dropout * left
                mix = _with_dropped_skips(mix, *kept)
            if self.auxiliary_skip is None:
                return mix
            return Assisted(mix, self.auxiliary_skip * left)

        return replaced(network, make)


class SecondOrderDARTS(DARTS):
    """DARTS with the weights' next step in view: five gradients a step, not two.

    The Hessian-vector product is the paper's finite difference (its equation 8): one
    more gradient on either side of the weights, in a program no larger.
    """

    phases: ClassVar[tuple[str, ...]] = (
        "ahead",
        "unrolled",
        "plus",
        "minus",
        "weights",
    )


def _with_dropped_skips(mix: Mix, seed: UInt32[Array, ""], keep: Hyper) -> Mix:
    """The mixture with each skip candidate kept with a probability, and scaled up."""
    there = [
        (uniform(place(seed, number), ()) < keep) / keep if is_skip(branch) else 1.0
        for number, branch in enumerate(mix.branches)
    ]
    weights = unwrap(mix.weights) * jnp.stack(
        [jnp.asarray(t, jnp.float32) for t in there]
    )
    return Mix(mix.branches, Fixed(weights), mix.label)
