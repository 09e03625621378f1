"""Other search algorithms behind one door: `ask()` a configuration, `tell(loss)`.

Random search, regularized evolution without repeats and local search are short and
stand here, so that they need no library; Optuna's TPE and Gaussian process and SMAC3
run with their defaults. Listed numbers go to them as suits them best: as ordered.
"""

from __future__ import annotations

import logging
import tempfile
from typing import Any

import numpy as np

from thalweg.spaces import Choice, Float, Int, Ordinal, Space

Config = dict[str, Any]


class Random:
    """Uniform draws, none twice."""

    def __init__(self, space: Space, seed: int):
        self.space, self.rng = space, np.random.default_rng(seed)
        self.seen: set[bytes] = set()
        self.x = np.zeros(0)

    def ask(self) -> Config:
        for _ in range(1000):
            if self._new(self.rng.random(self.space.dim)):
                break
        return self.space.decode(self.x[None])[0]

    def tell(self, loss: float) -> None:
        pass

    def _new(self, x: np.ndarray) -> bool:
        self.x = self.space.canonical(x[None])[0]
        fresh = self.x.tobytes() not in self.seen
        self.seen.add(self.x.tobytes())
        return fresh

    def _others(self, x: np.ndarray, j: int) -> list[np.ndarray]:
        """Neighbours along a dimension: all other values, or four steps of 0.2."""
        levels = self.space.levels[j]
        if levels is None:
            steps = 0.2 * self.rng.standard_normal(4)
            values = np.clip(x[j] + steps, 0, 1)
        else:
            values = self.space.centres(j, np.arange(levels))
            values = values[values != x[j]]
        out = []
        for value in values:
            near = x.copy()
            near[j] = value
            # parameters that the change wakes are drawn
            awake = self.space.active(near[None])[0] & ~self.space.active(x[None])[0]
            near[awake] = self.rng.random(int(awake.sum()))
            out.append(near)
        return out

    def _active(self, x: np.ndarray) -> np.ndarray:
        return np.flatnonzero(self.space.active(x[None])[0])


class Evolution(Random):
    """Regularized evolution, population 30, tournaments of 10, one mutation."""

    def __init__(self, space: Space, seed: int):
        super().__init__(space, seed)
        self.population: list[tuple[np.ndarray, float]] = []

    def ask(self) -> Config:
        if len(self.population) < 30:
            return super().ask()
        for _ in range(1000):
            rows = self.rng.choice(30, 10, replace=False)
            parent = min((self.population[i] for i in rows), key=lambda p: p[1])[0]
            children = self._others(parent, int(self.rng.choice(self._active(parent))))
            if self._new(children[self.rng.integers(len(children))]):
                return self.space.decode(self.x[None])[0]
        return super().ask()

    def tell(self, loss: float) -> None:
        self.population = [*self.population, (self.x, loss)][-30:]


class LocalSearch(Random):
    """The first improvement among single changes, in random order; restarts."""

    def __init__(self, space: Space, seed: int):
        super().__init__(space, seed)
        self.best: float | None = None
        self.todo: list[np.ndarray] = []

    def ask(self) -> Config:
        while self.todo:
            if self._new(self.todo.pop()):
                return self.space.decode(self.x[None])[0]
        self.best = None
        return super().ask()

    def tell(self, loss: float) -> None:
        if self.best is None or loss < self.best:
            self.best = loss
            near = [o for j in self._active(self.x) for o in self._others(self.x, j)]
            self.todo = [near[i] for i in self.rng.permutation(len(near))]


class Optuna:
    """A sampler of Optuna with its defaults."""

    def __init__(self, space: Space, seed: int, sampler: str):
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        made = getattr(optuna.samplers, sampler)(seed=seed)
        self.space, self.study = space, optuna.create_study(sampler=made)

    def ask(self) -> Config:
        self.trial = self.study.ask()
        config: Config = {}
        for name, p in self.space.parameters.items():
            if any(config.get(c.parent) not in c.values for c in p.conditions):
                continue
            if isinstance(p, Choice):
                config[name] = self.trial.suggest_categorical(name, list(p.values))
            elif isinstance(p, Ordinal):
                number = self.trial.suggest_int(name, 0, len(p.values) - 1)
                config[name] = p.values[number]
            elif isinstance(p, Int):
                config[name] = self.trial.suggest_int(name, p.low, p.high, log=p.log)
            elif isinstance(p, Float):
                config[name] = self.trial.suggest_float(name, p.low, p.high, log=p.log)
        return config

    def tell(self, loss: float) -> None:
        self.study.tell(self.trial, loss)


class Smac:
    """SMAC3's facade for hyper-parameters (a random forest), with its defaults."""

    def __init__(self, space: Space, seed: int, evaluations: int, noise: bool):
        import ConfigSpace
        from smac import HyperparameterOptimizationFacade, Scenario

        logging.disable(logging.WARNING)
        self.space, made = space, {}
        known = ConfigSpace.ConfigurationSpace(seed=seed)
        for name, p in space.parameters.items():
            if isinstance(p, Choice):
                made[name] = ConfigSpace.CategoricalHyperparameter(
                    name, range(len(p.values))
                )
            elif isinstance(p, Ordinal):
                made[name] = ConfigSpace.OrdinalHyperparameter(
                    name, range(len(p.values))
                )
            elif isinstance(p, Int):
                made[name] = ConfigSpace.UniformIntegerHyperparameter(
                    name, p.low, p.high
                )
            elif isinstance(p, Float):
                made[name] = ConfigSpace.UniformFloatHyperparameter(
                    name, p.low, p.high, log=p.log
                )
            known.add(made[name])
            for c in p.conditions:
                values = space.parameters[c.parent].values
                right = [values.index(v) for v in c.values]
                known.add(ConfigSpace.InCondition(made[name], made[c.parent], right))
        scenario = Scenario(
            known,
            deterministic=not noise,
            n_trials=evaluations,
            seed=seed,
            output_directory=tempfile.mkdtemp(),
        )
        self.smac = HyperparameterOptimizationFacade(
            scenario, lambda config, seed=0: 0.0, overwrite=True, logging_level=False
        )

    def ask(self) -> Config:
        self.info = self.smac.ask()
        config = {}
        for name, value in dict(self.info.config).items():
            p = self.space.parameters[name]
            plain = value.item() if isinstance(value, np.generic) else value
            listed = isinstance(p, Choice | Ordinal)
            config[name] = p.values[plain] if listed else plain
        return config

    def tell(self, loss: float) -> None:
        from smac.runhistory.dataclasses import TrialValue

        self.smac.tell(self.info, TrialValue(cost=loss, time=1.0))


PEERS = {
    "random": lambda space, seed, **_: Random(space, seed),
    "evolution": lambda space, seed, **_: Evolution(space, seed),
    "local search": lambda space, seed, **_: LocalSearch(space, seed),
    "Optuna TPE": lambda space, seed, **_: Optuna(space, seed, "TPESampler"),
    "Optuna GP": lambda space, seed, **_: Optuna(space, seed, "GPSampler"),
    "SMAC3": lambda space, seed, evaluations, noise: Smac(
        space, seed, evaluations, noise
    ),
}
LIBRARIES = {"Optuna TPE": "optuna", "Optuna GP": "optuna", "SMAC3": "smac"}
