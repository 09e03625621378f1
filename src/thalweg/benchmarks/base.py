"""What every benchmark is: a space, its losses, the seconds they cost, the optimum."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64

from thalweg.core.errors import InvalidInput
from thalweg.core.typing import Config
from thalweg.spaces import Space

DRAWS = 25  # random draws whose expected best is a regret of 1

Rows = Sequence[Mapping[str, Any]] | Float64[np.ndarray, "n d"]
Budget = float | Float64[np.ndarray, " n"]
Seed = int | Sequence[int] | None


class Measurement(NamedTuple):
    """What a benchmark says of `n` configurations."""

    losses: Float64[np.ndarray, "n m"]  # smaller is better; NaN: not in the table
    seconds: Float64[np.ndarray, " n"]  # of training; NaN where none were recorded
    constraints: Float64[np.ndarray, "n c"]  # kept where all are <= 0


class AbstractBenchmark(ABC):
    """A cheap stand-in for trainings: the same question to every search algorithm.

        study = tw.Study(benchmark.space)
        study.optimize(benchmark, n_trials=100)
        benchmark.regret(study.best_loss)

    A benchmark is a function `f(config, budget=1.0)` of a configuration, or of a list
    (`study.optimize(benchmark, batched=True, batch_size=16)`). Losses are without noise
    unless `evaluate` is given a `seed`.
    """

    name: str
    space: Space
    objectives: int = 1
    noisy: bool = False  # a `seed` makes a difference
    fidelities: tuple[float, ...] = (1.0,)  # fractions of a full training, ascending

    @property
    @abstractmethod
    def minimum(self) -> float:
        """The lowest loss there is, without noise; NaN with several objectives."""

    @abstractmethod
    def evaluate(
        self, rows: Rows, *, budget: Budget = 1.0, seed: Seed = None
    ) -> Measurement:
        """Measures configurations, or rows of the unit cube.

        **budget**: the fraction of a full training; the largest recorded one that is
        not above it counts. **seed**: of the noise; None gives losses without noise.
        """

    @abstractmethod
    def population(self) -> Float64[np.ndarray, " n"]:
        """Losses of uniform draws from the space: all of a table, or a large sample."""

    def __call__(self, config: Config | Sequence[Config], budget: float = 1.0) -> Any:
        """The loss of a configuration, with several objectives the list of them.

        Of a list of configurations the list of that; suggestions of a study bring their
        own budgets.
        """
        one = isinstance(config, Mapping)
        configs = [config] if one else list(config)
        budgets = np.array([getattr(c, "budget", budget) for c in configs], float)
        losses = self.evaluate(configs, budget=budgets).losses
        found = (losses[:, 0] if self.objectives == 1 else losses).tolist()
        return found[0] if one else found

    @cached_property
    def unit(self) -> float:
        """How far the expected best of 25 random draws is above the minimum."""
        return expected_minimum(self.population(), DRAWS) - self.minimum

    def regret(self, loss: Any) -> Any:
        """`loss` on a common scale: 0 is the optimum, 1 the best of 25 random draws."""
        return (np.asarray(loss) - self.minimum) / self.unit

    def _cube(self, rows: Rows) -> Float64[np.ndarray, "n d"]:
        """Rows of the unit cube, whichever form was given."""
        if isinstance(rows, np.ndarray):
            return rows
        if isinstance(rows, Mapping):
            raise InvalidInput(
                "`evaluate` needs a list of configurations, but got one. Use "
                "`[config]`, or call the benchmark: `benchmark(config)`."
            )
        return self.space.encode(rows)


def expected_minimum(losses: Float64[np.ndarray, " n"], draws: int) -> float:
    """The mean of the lowest of `draws` draws with replacement; NaN is never drawn."""
    ordered = np.sort(losses[np.isfinite(losses)])
    left = 1 - np.arange(len(ordered) + 1) / len(ordered)  # share at or above each
    return float((left[:-1] ** draws - left[1:] ** draws) @ ordered)
