"""Single paths: weights are trained under uniformly sampled architectures, then judged.

Li & Talwalkar 2019, "Random Search and Reproducibility for Neural Architecture Search"
(RSPS: random architectures are judged), https://arxiv.org/abs/1902.07638
Guo et al. 2020, "Single Path One-Shot Neural Architecture Search with Uniform Sampling"
(evolution among them), https://arxiv.org/abs/1904.00420
An architecture is judged by the batch's own statistics on many rows, as the second
recalibrates them. There are no alphas to learn, so nothing can collapse; what can fail
is the ranking, when paths are trained too little or disturb one another.
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt32

from thalweg.architectures.gradient.gdas import GDAS
from thalweg.architectures.gradient.method import AbstractMethod, zeros
from thalweg.architectures.gradient.mixtures import ByLabel
from thalweg.architectures.vocabulary import mixed
from thalweg.core.rng import key_of
from thalweg.core.typing import Config
from thalweg.proposers import RegularizedEvolution
from thalweg.proposers.base import Outcome
from thalweg.proposers.random import Random
from thalweg.spaces import Space

Judge = Callable[[list[Config]], Float[np.ndarray, " n"]]
BATCH = 16  # architectures that are judged at a time
SAMPLING = GDAS()  # with alphas that stay equal: uniform


class SinglePath(AbstractMethod):
    """Trains all paths alike: a supernet to rank architectures with."""

    phases: ClassVar[tuple[str, ...]] = ("weights",)
    weighs: ClassVar[bool] = False

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
        uniform = jax.tree.map(jax.lax.stop_gradient, alphas)
        return SAMPLING.running(network, uniform, allowed, seed=seed, progress=progress)

    def probabilities(self, alphas: Any) -> dict[str, Float[Array, " k"]]:
        return SAMPLING.probabilities(alphas)


class EvolvedSinglePath(SinglePath):
    """The same supernet; evolution looks for its best path."""


def best_path(
    space: Space, judge: Judge, *, trials: int, evolve: bool, seed: int
) -> tuple[Config, dict[str, Any]]:
    """The configuration of the least loss among those that a search judges."""
    proposer: Any = RegularizedEvolution() if evolve else Random()
    key = key_of(jnp.uint32(seed))
    state = proposer.init(space, key=key)
    configs: list[Config] = []
    losses: list[float] = []
    while len(configs) < trials:
        key, own = jax.random.split(key)
        proposal, state = proposer.ask(
            state, min(BATCH, trials - len(configs)), key=own
        )
        if not len(proposal):
            break
        new = space.decode(proposal.x)
        values = judge(new)
        number = np.arange(len(configs), len(configs) + len(new))
        told = Outcome(
            proposal.x,
            number,
            proposal.parent,
            proposal.budget,
            values,
            np.full(len(new), np.nan),
        )
        state = proposer.tell(state, told)
        configs += new
        losses += values.tolist()
    best = int(np.nanargmin(losses))
    return configs[best], {"configs": configs, "losses": np.array(losses)}
