"""Population-based training: the worst go on from the best's weights, perturbed.

Jaderberg et al. 2017, section 3 and Algorithm 1, https://arxiv.org/abs/1711.09846
Departs from the paper: members wait for their generation, so that losses are compared
at one budget; values are multiplied by `factor` or divided by it, with equal odds.
"""

from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Float64, Int64

from thalweg.core.errors import InvalidInput
from thalweg.proposers.archive import Archive
from thalweg.proposers.base import AbstractProposer
from thalweg.proposers.population import AbstractPopulation, check_population
from thalweg.proposers.random import Random
from thalweg.spaces import Space


class PBT(AbstractPopulation):
    """Hyper-parameters that should change in the course of a training: schedules.

    It costs `members` full trainings, and its best member is the answer: its last
    configuration alone, trained from the start, would not come to the same. Needs a
    trainer that keeps weights (`tw.search`; an objective of your own must go on from
    the weights of `parent`).
    """

    members: int = 16
    generations: int = 10  # parts of a full training, at whose ends members compare
    quantile: float = 0.2
    factor: float = 1.2
    resample: float = 0.25  # how often a parameter is drawn anew instead
    fixed: tuple[str, ...] = ()  # inherited as they are, beside all that is not real
    populations: int | None = None  # exhausted after so many; None: goes on
    sampler: AbstractProposer[Any] = eqx.field(default_factory=Random)

    def __check_init__(self) -> None:
        check_population(self)
        if not self.factor > 1:
            raise InvalidInput(
                f"`factor` must be greater than 1, but got {self.factor}."
            )
        if not 0 <= self.resample <= 1:
            raise InvalidInput(
                f"`resample` is a probability in [0, 1], but got {self.resample}."
            )

    @property
    def rank_based(self) -> bool:  # type: ignore[override]
        """As the sampler is."""
        return self.sampler.rank_based

    def learn(self, archive: Archive, generation: int) -> None:
        """Nothing: explorations are blind."""

    def explore(
        self,
        space: Space,
        learned: Any,
        x: Float64[np.ndarray, " d"],
        free: Int64[np.ndarray, " k"],
        chosen: Float64[np.ndarray, "m d"],
        rng: np.random.Generator,
    ) -> Float64[np.ndarray, " d"]:
        """Each free parameter a little larger or smaller, or drawn anew."""
        del learned, chosen
        x = x.copy()
        for j in free:
            parameter: Any = space.parameters[space.dimensions[j]]
            (value,) = parameter.decode(x[j : j + 1])
            value *= self.factor if rng.random() < 0.5 else 1 / self.factor
            value = min(max(value, parameter.low), parameter.high)
            anew = rng.random() < self.resample
            x[j] = rng.random() if anew else parameter.encode([value])[0]
        return x
