"""Every proposer keeps the contract, wrapped ones and samplers included."""

import numpy as np
import pytest

from thalweg.proposers import (
    ASHA,
    CMAES,
    DEHB,
    PB2,
    PBT,
    PROPOSERS,
    ChoiceGaussianProcess,
    Controller,
    DifferentialEvolution,
    FreezeThaw,
    GaussianProcess,
    Genetic,
    Grid,
    Hyperband,
    LatinHypercube,
    LocalSearch,
    Random,
    RegularizedEvolution,
    Sobol,
    SuccessiveHalving,
    starting_from,
)
from thalweg.testing.problems import BRANIN, HARTMANN6, RECIPE
from thalweg.testing.proposers import (
    PROPOSER_CHECKS,
    SMALL,
    check_beats_random,
    check_finite_space,
)

CASES = {
    **{name: make() for name, make in PROPOSERS.items()},
    "lhs of 7": LatinHypercube(samples=7),
    "steepest": LocalSearch(improvement="steepest", starts=1),
    "evolution of few": RegularizedEvolution(population=4, tournament=2),
    "genetic, generations": Genetic(
        population=6,
        selection="roulette",
        crossover="two_point",
        mutation="gaussian",
        elites=2,
        generational=True,
    ),
    "differences, few": DifferentialEvolution(
        population=4, strategy="current_to_pbest1"
    ),
    "differences from the best": DifferentialEvolution(population=5, strategy="best1"),
    "cma_es, doubling": CMAES(population=4, restarts="ipop"),
    "controller, ppo": Controller(rule="ppo", batch=4, hidden=8),
    "gp alone": GaussianProcess(initial=2),
    "gp by thompson": GaussianProcess(initial=4, acquisition="thompson"),
    "gp by ucb": GaussianProcess(initial=4, acquisition="ucb", per_second=True),
    "gp, bent": GaussianProcess(initial=4, input_warping=True),
    "choice_gp, encoded": ChoiceGaussianProcess(initial=2, encoding=np.cos),
    "halving, small": SuccessiveHalving(trials=9, min_budget=1 / 9),
    "halving of sobol": SuccessiveHalving(sampler=Sobol()),
    "halving of a grid": SuccessiveHalving(trials=4, sampler=Grid(resolution=3)),
    "hyperband, factor 2": Hyperband(min_budget=0.2, factor=2),
    "dehb, factor 2": DEHB(min_budget=0.2, factor=2, sampler=Sobol()),
    "freeze_thaw, factor 3": FreezeThaw(min_budget=1 / 9, factor=3, initial=3),
    "pbt, small": PBT(members=4, generations=3, sampler=Sobol()),
    "pb2, small": PB2(members=4, generations=3),
    "asha, factor 2": ASHA(min_budget=0.1, factor=2, sampler=Sobol()),
    "asha of gp": ASHA(min_budget=1 / 9, sampler=GaussianProcess(initial=4)),
    "hyperband of gp": Hyperband(min_budget=1 / 3, sampler=GaussianProcess()),
}


# a thousand rows of these take ten seconds; their kinds are asked for them by default
LONG = ("freeze_thaw, factor 3", "differences, few", "differences from the best")
CONTRACTS = [
    pytest.param(
        name,
        check,
        id=f"{name}-{check.__name__}",
        marks=[pytest.mark.exhaustive]
        if (name in LONG and check.__name__ == "check_sizes")
        else [],
    )
    for check in PROPOSER_CHECKS
    for name in CASES
]


@pytest.mark.parametrize(("name", "check"), CONTRACTS)
def test_contract(name, check):
    check(CASES[name])


OTHER_SPACES = ("check_finite_space", "check_simple_spaces")
WARM = [check for check in PROPOSER_CHECKS if check.__name__ not in OTHER_SPACES]


@pytest.mark.parametrize("check", WARM, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", ["random", "gp", "successive_halving"])
def test_contract_of_warm_starts(name, check):
    check(starting_from(PROPOSERS[name](), [RECIPE.best]))


@pytest.mark.parametrize("name", ["random", "sobol", "gp", "successive_halving"])
def test_given_configurations_are_not_proposed_again(name):
    configs = SMALL.decode(SMALL.canonical(np.full((1, SMALL.dim), 0.4)))
    check_finite_space(starting_from(PROPOSERS[name](), configs))


@pytest.mark.slow
@pytest.mark.parametrize("problem", [BRANIN, HARTMANN6, RECIPE], ids=lambda p: p.name)
def test_gp_beats_random(problem):
    check_beats_random(GaussianProcess(), problem)


def test_random_does_not_beat_itself():
    with pytest.raises(AssertionError, match="standard error"):
        check_beats_random(Random(), BRANIN, sigma=0.0)
