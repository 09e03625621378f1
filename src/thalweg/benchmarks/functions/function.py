"""A function with a known optimum, as a benchmark: what all families are made of."""

import math
from collections.abc import Callable, Sequence
from typing import Any, final

import numpy as np
from jaxtyping import Float64

from thalweg.benchmarks.base import (
    AbstractBenchmark,
    Budget,
    Measurement,
    Rows,
    Seed,
)
from thalweg.core.errors import InvalidInput
from thalweg.core.typing import Config
from thalweg.spaces import Float, Space
from thalweg.surrogates.pareto import hypervolume

SAMPLE = 2**15  # uniform draws that stand for the whole space

Formula = Callable[[list[Config]], Float64[np.ndarray, "n *m"]]


@final
class Function(AbstractBenchmark):
    """Losses by a formula, perhaps with noise, constraints, several objectives.

    **formula**: from configurations to losses `[n]`, or `[n, m]`. **best**: where the
    minimum is; None with several objectives. **noise**: the standard deviation of the
    normal noise that a `seed` adds. **constraints**: from configurations to `[n, c]`,
    kept where all are at most 0. **reference**: with several objectives, the point up
    to which volume counts; **volume**: all that there is below it.
    """

    def __init__(
        self,
        name: str,
        space: Space,
        formula: Formula,
        *,
        minimum: float = math.nan,
        best: Config | None = None,
        noise: float = 0.0,
        constraints: Formula | None = None,
        reference: Sequence[float] | None = None,
        volume: float = math.nan,
    ):
        if not noise >= 0:
            raise InvalidInput(f"`noise` must be 0 or more, but got {noise!r}.")
        self.name = name
        self.space = space
        self.noise = noise
        self.noisy = noise > 0
        self.best = best
        self.reference = None if reference is None else np.asarray(reference, float)
        self.objectives = 1 if reference is None else len(reference)
        self.volume = volume
        self._minimum = minimum
        self._formula = formula
        self._constraints = constraints

    @property
    def minimum(self) -> float:
        """The declared one; NaN with several objectives."""
        return self._minimum

    def evaluate(
        self, rows: Rows, *, budget: Budget = 1.0, seed: Seed = None
    ) -> Measurement:
        """See `AbstractBenchmark`. All budgets give the same; no time is recorded."""
        del budget
        cube = isinstance(rows, np.ndarray)
        configs = self.space.decode(rows) if cube else self._checked(rows)
        losses = np.asarray(self._formula(configs), np.float64)
        losses = losses.reshape(len(configs), self.objectives)
        if seed is not None and self.noise:
            lot = np.random.default_rng(seed).standard_normal(losses.shape)
            losses = losses + self.noise * lot
        none = np.zeros((len(configs), 0))
        kept = none if self._constraints is None else self._constraints(configs)
        return Measurement(losses, np.full(len(configs), math.nan), kept)

    def population(self) -> Float64[np.ndarray, " n"]:
        """Losses of 32,768 uniform draws, first objective; NaN where infeasible."""
        u = np.random.default_rng(0).random((SAMPLE, self.space.dim))
        found = self.evaluate(u)
        broken = (found.constraints > 0).any(1)
        return np.where(broken, np.nan, found.losses[:, 0])

    def shortfall(self, losses: Float64[np.ndarray, "n m"]) -> float:
        """The share of the volume below `reference` that losses do not dominate."""
        if self.reference is None:
            raise InvalidInput(
                f"{self.name} has one objective and so no volume. Use `regret`."
            )
        return 1 - hypervolume(losses, self.reference) / self.volume

    def _checked(self, rows: Any) -> list[Config]:
        self._cube(rows)  # raises where a configuration is not the space's
        return [dict(config) for config in rows]


def box(
    name: str,
    bounds: Sequence[tuple[float, float]],
    formula: Callable[[Float64[np.ndarray, "n d"]], Float64[np.ndarray, "n *m"]],
    *,
    names: Sequence[str] | None = None,
    best: Sequence[float] | None = None,
    constraints: Callable[[Float64[np.ndarray, "n d"]], Any] | None = None,
    **declared: Any,
) -> Function:
    """A function of points of a box: parameters `x0`, `x1`, … unless named."""
    known = list(names or [f"x{i}" for i in range(len(bounds))])
    space = Space({n: Float(*b) for n, b in zip(known, bounds, strict=True)})

    def points(configs: list[Config]) -> Float64[np.ndarray, "n d"]:
        return np.array([[c[n] for n in known] for c in configs], np.float64)

    return Function(
        name,
        space,
        lambda configs: formula(points(configs)),
        best=None if best is None else dict(zip(known, best, strict=True)),
        constraints=constraints and (lambda configs: constraints(points(configs))),
        **declared,
    )


def noisy(function: Function, noise: float) -> Function:
    """The function with normal noise of a standard deviation where a seed is given."""
    return Function(
        f"noisy_{function.name}",
        function.space,
        function._formula,
        minimum=function.minimum,
        best=function.best,
        noise=noise,
        constraints=function._constraints,
        reference=None if function.reference is None else function.reference.tolist(),
        volume=function.volume,
    )
