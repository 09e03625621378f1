"""Search without gradients: ask for vectors, tell their losses, in pure JAX."""

from typing import Any

from thalweg.core.registry import Registry
from thalweg.strategies.base import AbstractSmoothing, AbstractStrategy, Best
from thalweg.strategies.bayesian import Bayesian
from thalweg.strategies.cmaes import CMAES
from thalweg.strategies.evolution_strategy import EvolutionStrategy
from thalweg.strategies.genetic import Genetic
from thalweg.strategies.random_search import RandomSearch
from thalweg.strategies.sep_cmaes import SepCMAES

STRATEGIES: Registry[type[AbstractStrategy[Any]]] = Registry(
    "strategy",
    {
        "random_search": RandomSearch,
        "genetic": Genetic,
        "cmaes": CMAES,
        "sep_cmaes": SepCMAES,
        "evolution_strategy": EvolutionStrategy,
        "bayesian": Bayesian,
    },
)

__all__ = [
    "CMAES",
    "STRATEGIES",
    "AbstractSmoothing",
    "AbstractStrategy",
    "Bayesian",
    "Best",
    "EvolutionStrategy",
    "Genetic",
    "RandomSearch",
    "SepCMAES",
]
