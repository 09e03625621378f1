"""Search algorithms: ask for a batch of configurations, tell their losses."""

from typing import Any

from thalweg.core.registry import Registry
from thalweg.proposers.archive import Archive
from thalweg.proposers.asha import ASHA
from thalweg.proposers.auto import Auto
from thalweg.proposers.bananas import Bananas
from thalweg.proposers.base import (
    AbstractProposer,
    Outcome,
    Proposal,
    leaves,
    with_leaves,
)
from thalweg.proposers.bohb import BOHB
from thalweg.proposers.choice_gp import ChoiceGaussianProcess
from thalweg.proposers.cma_es import CMAES
from thalweg.proposers.controller import Controller
from thalweg.proposers.dehb import DEHB
from thalweg.proposers.differential_evolution import DifferentialEvolution
from thalweg.proposers.forest import RandomForest
from thalweg.proposers.freeze_thaw import FreezeThaw
from thalweg.proposers.generations import AbstractGenetic
from thalweg.proposers.genetic import Genetic
from thalweg.proposers.gp import GaussianProcess
from thalweg.proposers.grid import Grid
from thalweg.proposers.halton import Halton
from thalweg.proposers.halving import AbstractHalving, Rung
from thalweg.proposers.hyperband import Hyperband
from thalweg.proposers.lhs import LatinHypercube
from thalweg.proposers.local_search import LocalSearch
from thalweg.proposers.mobster import MOBSTER
from thalweg.proposers.nsga2 import NSGA2
from thalweg.proposers.pb2 import PB2
from thalweg.proposers.pbt import PBT
from thalweg.proposers.random import Random
from thalweg.proposers.regularized_evolution import RegularizedEvolution
from thalweg.proposers.sequence import AbstractSequence
from thalweg.proposers.sobol import Sobol
from thalweg.proposers.starting_from import StartingFrom, starting_from
from thalweg.proposers.successive_halving import SuccessiveHalving
from thalweg.proposers.tpe import TPE
from thalweg.proposers.turbo import TrustRegion

PROPOSERS: Registry[type[AbstractProposer[Any]]] = Registry(
    "proposer",
    {
        "auto": Auto,
        "random": Random,
        "grid": Grid,
        "sobol": Sobol,
        "halton": Halton,
        "lhs": LatinHypercube,
        "local_search": LocalSearch,
        "regularized_evolution": RegularizedEvolution,
        "genetic": Genetic,
        "nsga2": NSGA2,
        "differential_evolution": DifferentialEvolution,
        "cma_es": CMAES,
        "controller": Controller,
        "gp": GaussianProcess,
        "turbo": TrustRegion,
        "choice_gp": ChoiceGaussianProcess,
        "bananas": Bananas,
        "tpe": TPE,
        "forest": RandomForest,
        "successive_halving": SuccessiveHalving,
        "hyperband": Hyperband,
        "freeze_thaw": FreezeThaw,
        "dehb": DEHB,
        "bohb": BOHB,
        "pb2": PB2,
        "pbt": PBT,
        "asha": ASHA,
        "mobster": MOBSTER,
    },
)

__all__ = [
    "ASHA",
    "BOHB",
    "CMAES",
    "DEHB",
    "MOBSTER",
    "NSGA2",
    "PB2",
    "PBT",
    "PROPOSERS",
    "TPE",
    "AbstractGenetic",
    "AbstractHalving",
    "AbstractProposer",
    "AbstractSequence",
    "Archive",
    "Auto",
    "Bananas",
    "ChoiceGaussianProcess",
    "Controller",
    "DifferentialEvolution",
    "FreezeThaw",
    "GaussianProcess",
    "Genetic",
    "Grid",
    "Halton",
    "Hyperband",
    "LatinHypercube",
    "LocalSearch",
    "Outcome",
    "Proposal",
    "Random",
    "RandomForest",
    "RegularizedEvolution",
    "Rung",
    "Sobol",
    "StartingFrom",
    "SuccessiveHalving",
    "TrustRegion",
    "leaves",
    "starting_from",
    "with_leaves",
]
