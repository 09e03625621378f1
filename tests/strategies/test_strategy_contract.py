"""Every strategy keeps the contract, and the contract notices."""

import pkgutil

import equinox as eqx
import jax.random as jr
import pytest

import thalweg.strategies as room
from thalweg.strategies import (
    STRATEGIES,
    AbstractStrategy,
    Bayesian,
    Best,
    Genetic,
    RandomSearch,
)
from thalweg.testing.strategies import CHECKS

MADE = {name: kind() for name, kind in STRATEGIES.items()} | {
    "bayesian": Bayesian(memory=24, pool=64),  # small, to be quick
}
VARIANTS = {
    "fixed step": RandomSearch(0.3, population=8, adapt=False),
    "rank, sbx": Genetic(1.0, selection="rank", crossover="sbx"),
    "truncation, uniform": Genetic(1.0, selection="truncation", crossover="uniform"),
}


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
@pytest.mark.parametrize("name", MADE)
def test_contract(name, check):
    check(MADE[name])


@pytest.mark.slow
@pytest.mark.parametrize("check", ["survives_bad_losses", "beats_chance"])
@pytest.mark.parametrize("name", VARIANTS)
def test_variants(name, check):
    CHECKS[check](VARIANTS[name])


class Drifts(RandomSearch):
    """Ignores what it is told, and lets a bad loss in."""

    def tell(self, state, x, losses):
        return eqx.tree_at(lambda s: s.best, state, Best(x[0], losses[0]))


class Counts(RandomSearch):
    """Draws from a key of its own."""

    def ask(self, state, *, key):
        return super().ask(state, key=jr.key(0))


@pytest.mark.parametrize(
    ("strategy", "check"),
    [
        (Drifts(), "survives_bad_losses"),
        (Drifts(), "beats_chance"),
        (Counts(), "asks_the_promised"),
    ],
)
def test_the_contract_notices(strategy, check):
    with pytest.raises(AssertionError):
        CHECKS[check](strategy)


def test_every_file_is_in_the_table():
    files = {module.name for module in pkgutil.iter_modules(room.__path__)}
    assert files - {"base"} == set(STRATEGIES)
    assert all(issubclass(kind, AbstractStrategy) for kind in STRATEGIES.values())
