"""Hyperband with a model, and with differential evolution."""

from itertools import pairwise

import numpy as np
import pytest

from thalweg.core.errors import InvalidInput
from thalweg.proposers import BOHB, DEHB, Grid, Hyperband, Outcome
from thalweg.proposers.bohb import Interleaved
from thalweg.proposers.cohort import Cohort
from thalweg.proposers.dehb import Subpopulation
from thalweg.spaces import Float, Space
from thalweg.testing.problems import HARTMANN6, RECIPE
from thalweg.testing.proposers import Driver, check_beats_random

SQUARE = Space({"x": Float(0, 1), "y": Float(0, 1)})


def sphere(config):
    return (config["x"] - 0.3) ** 2 + (config["y"] - 0.6) ** 2


def test_bohb_has_hyperbands_rungs():
    for bracket in range(6):
        assert BOHB().rungs(bracket) == Hyperband().rungs(bracket)


def test_a_share_is_random():
    """Of 600 rows a third, within four standard deviations of a binomial."""
    driver = Driver(Interleaved(model=Grid(resolution=30), share=1 / 3), SQUARE)
    for _ in range(40):
        driver.ask(15)
    x = np.concatenate([row.x for row in driver.asked]) * 29
    random = (np.abs(x - np.rint(x)) > 1e-9).any(1).sum()
    assert abs(random - 200) < 4 * np.sqrt(600 * 2 / 9)


@pytest.mark.slow
def test_the_model_of_bohb_finds_what_hyperband_does_not():
    """120 evaluations of a bowl, three seeds: by two decades and more."""

    def best(proposer, seed):
        driver = Driver(proposer, SQUARE, seed=seed).run(sphere, 120, batch=9)
        return np.log10(max(driver.losses.min(), 1e-6))

    ours, theirs = (
        [best(kind(min_budget=1 / 9), seed) for seed in range(3)]
        for kind in (BOHB, Hyperband)
    )
    assert np.mean(ours) < np.mean(theirs) - 2


def run_of(driver, brackets):
    """The rows of each rung, by bracket, with what they were told."""
    found = []
    for bracket in range(brackets):
        rungs = []
        for _ in driver.proposer.rungs(bracket):
            known = len(driver.asked)
            while driver.ask(5):
                pass
            rows = driver.asked[known:]
            driver.tell(sphere)
            rungs.append((rows, driver.told[-1]))
        found.append(rungs)
    return found


def test_dehb_first_halves_then_breeds():
    driver = Driver(DEHB(min_budget=1 / 9), SQUARE)
    first, second, third, fourth = run_of(driver, 4)
    assert [len(rows) for rows, _ in first] == [9, 3, 1]
    assert [len(rows) for rows, _ in second] == [5, 1]
    assert [len(rows) for rows, _ in third] == [3]
    assert [len(rows) for rows, _ in fourth] == [9, 3, 1]
    for (_, told), (rows, _) in pairwise(first):
        best = told.trial[np.argsort(told.loss)[: len(rows)]]
        assert [int(row.parent[0]) for row in rows] == best.tolist()
    bred = [row for rows, _ in second + third + fourth for row in rows]
    assert all(row.parent[0] == -1 for row in bred)
    assert len({row.x.tobytes() for row in bred}) == len(bred)


def test_dehb_keeps_the_better_of_each_pair():
    driver = Driver(DEHB(min_budget=1 / 9), SQUARE)
    run_of(driver, 1)
    before = driver.state.populations
    assert [len(p.x) for p in before] == [9, 5, 3]
    assert np.isfinite(before[1].losses).sum() == 3
    run_of(driver, 9)
    for old, new in zip(before, driver.state.populations, strict=True):
        assert (new.losses[: len(old.losses)] <= np.nan_to_num(old.losses, nan=9)).all()
        told = [sphere(config) for config in SQUARE.decode(new.x)]
        np.testing.assert_allclose(new.losses[:, 0], told)


def test_selection_takes_the_feasible_and_never_the_failed():
    """Individuals 0-3 against: failed, infeasible, feasible, equal."""
    none = np.zeros((4, 1))
    limits = np.array([[0.0], [0.0], [1.0], [0.0]])
    old = Subpopulation(none, np.full((4, 1), 0.5), limits, np.array(0))
    by = Cohort(
        none + 1,
        *(np.full(4, -1) for _ in "ab"),
        np.full(4, 2),
        np.array([[np.nan], [0.1], [0.9], [0.5]]),
        np.array([[0.0], [1.0], [0.0], [0.0]]),
    )
    new = old.challenged(np.array([0, 1, 2, 3]), by)
    assert new.x[:, 0].tolist() == [0, 0, 1, 1]
    assert int(new.next) == 0


def test_offspring_are_rand_1_bin():
    """Without crossover's part of the target: a + F (b - c) of three parents."""
    proposer = DEHB(crossover=1.0, scale=0.5)
    pool = np.array([[0.4, 0.5], [0.6, 0.5], [0.5, 0.7]])
    rng = np.random.default_rng(0)
    possible = [
        pool[a] + 0.5 * (pool[b] - pool[c])
        for a in range(3)
        for b in range(3)
        for c in range(3)
        if len({a, b, c}) == 3
    ]
    target = np.array([0.1, 0.2])
    for _ in range(20):
        (row,) = proposer._offspring(SQUARE, pool, target, set(), rng)
        assert np.abs(np.array(possible) - row).max(1).min() < 1e-12
    half = DEHB(crossover=0.0)
    for _ in range(20):
        (row,) = half._offspring(SQUARE, pool, target, set(), rng)
        assert (row == target).sum() == 1, "one coordinate is always the mutant's"


@pytest.mark.slow
@pytest.mark.parametrize(
    "problem",
    [HARTMANN6, pytest.param(RECIPE, marks=pytest.mark.exhaustive)],
    ids=lambda p: p.name,
)
@pytest.mark.parametrize(
    ("proposer", "evaluations"), [(BOHB(), 200), (DEHB(min_budget=1 / 9), 400)]
)
def test_it_beats_random(proposer, evaluations, problem):
    check_beats_random(proposer, problem, seeds=16, evaluations=evaluations, batch=9)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: DEHB(scale=0), "scale"),
        (lambda: DEHB(crossover=1.2), "crossover"),
        (lambda: Interleaved(share=-1), "share"),
        (lambda: BOHB(factor=1), "factor"),
    ],
)
def test_errors_say_the_rule(make, words):
    with pytest.raises(InvalidInput, match=words):
        make()


def test_strangers_are_no_individuals():
    driver = Driver(DEHB(min_budget=1 / 3), SQUARE)
    driver.ask(3)
    x, one = np.full((1, 2), 0.5), np.ones(1)
    stranger = Outcome(x, np.array([9]), np.array([-1]), one, -one, one)
    driver.state = driver.proposer.tell(driver.state, stranger)
    assert driver.ask(3) == 0
