"""Rungs and brackets: sizes, budgets, who is resumed."""

import math

import jax.random as jr
import numpy as np
import pytest

from thalweg.core.errors import InvalidInput
from thalweg.proposers import (
    GaussianProcess,
    Grid,
    Hyperband,
    Outcome,
    SuccessiveHalving,
    starting_from,
)
from thalweg.spaces import Choice, Float, Int, Space
from thalweg.testing.proposers import Driver

LINE = Space({"x": Float(0, 1)})


def sizes(proposer, bracket=0):
    return [(rung.size, round(1 / rung.budget, 9)) for rung in proposer.rungs(bracket)]


def test_defaults_are_what_the_docstrings_say():
    assert sizes(SuccessiveHalving()) == [(27, 27), (9, 9), (3, 3), (1, 1)]
    starts = [Hyperband().rungs(b)[0] for b in range(5)]
    assert [(r.size, round(1 / r.budget)) for r in starts] == [
        (27, 27),
        (12, 9),
        (6, 3),
        (4, 1),
        (27, 27),
    ]


def test_hyperband_is_the_table_of_the_paper():
    """R = 81, factor 3: n and r of each bracket by Algorithm 1."""
    proposer = Hyperband(min_budget=1 / 81)
    assert [sizes(proposer, b) for b in range(5)] == [
        [(81, 81), (27, 27), (9, 9), (3, 3), (1, 1)],
        [(34, 27), (11, 9), (3, 3), (1, 1)],
        [(15, 9), (5, 3), (1, 1)],
        [(8, 3), (2, 1)],
        [(5, 1)],
    ]


def test_budgets_end_at_one_and_never_go_below_the_least():
    for least in (0.01, 0.1, 0.3, 0.5, 1.0):
        for factor in (2, 3, 4, 1.5):
            rungs = SuccessiveHalving(min_budget=least, factor=factor).rungs(0)
            assert rungs[-1].budget == 1
            assert rungs[0].budget >= least * (1 - 1e-9)
            assert rungs[0].budget / factor < least
            assert all(rung.size >= 1 for rung in rungs)


def test_the_best_are_resumed_under_their_own_numbers():
    driver = Driver(SuccessiveHalving(trials=9, min_budget=1 / 9), LINE)
    driver.run(lambda config: abs(config["x"] - 0.5), 13, batch=20)
    assert [len(o) for o in driver.told] == [9, 3, 1]
    first, second, third = driver.told
    best = first.trial[np.argsort(first.loss)]
    np.testing.assert_array_equal(second.trial, best[:3])
    np.testing.assert_array_equal(second.parent, second.trial)
    np.testing.assert_array_equal(third.trial, best[:1])
    np.testing.assert_array_equal(third.x[0], first.x[best[0]])
    assert driver.trials == 9
    assert driver.ask(4) == 4
    assert all(row.parent[0] == -1 for row in driver.asked[-4:])


def test_a_rung_waits_for_all_of_it():
    driver = Driver(SuccessiveHalving(trials=6, min_budget=1 / 3), LINE)
    assert driver.ask(4) == 4
    driver.tell(lambda config: config["x"], count=4)
    assert driver.ask(9) == 2
    assert driver.ask(9) == 0
    driver.tell(lambda config: config["x"], count=1)
    assert driver.ask(9) == 0
    driver.tell(lambda config: config["x"])
    assert driver.ask(1) == 1
    assert driver.ask(9) == 1
    assert driver.ask(9) == 0


def test_diverged_trials_are_not_resumed():
    driver = Driver(SuccessiveHalving(trials=9, min_budget=1 / 9), LINE)
    driver.ask(9)
    good = driver.asked[4].x[0, 0]
    driver.tell(lambda config: 0.0 if abs(config["x"] - good) < 1e-9 else math.nan)
    assert driver.ask(9) == 1
    assert driver.asked[-1].parent[0] == 4
    driver.tell(lambda config: math.inf)
    assert driver.ask(20) == 9
    assert all(row.parent[0] == -1 for row in driver.asked[-9:])


def test_outcomes_that_were_not_asked_for_take_no_place():
    driver = Driver(SuccessiveHalving(trials=3, min_budget=1 / 3), LINE)
    driver.ask(3)
    row = np.full((1, 1), 0.123)
    one = np.ones(1)
    own = driver.asked[0].x
    for x, parent, budget in ((row, -1, 1 / 3), (row, 7, 1.0), (own, -1, 1.0)):
        stranger = Outcome(
            x, np.array([99]), np.array([parent]), budget * one, -9 * one, one
        )
        driver.state = driver.proposer.tell(driver.state, stranger)
    assert driver.ask(3) == 0
    driver.tell(lambda config: config["x"])
    driver.ask(3)
    assert driver.asked[-1].parent[0] in (0, 1, 2)


def test_brackets_can_be_counted():
    driver = Driver(Hyperband(min_budget=1 / 3, brackets=2), LINE)
    driver.run(lambda config: config["x"], 100, batch=9)
    assert len(driver.asked) == (3 + 1) + 2
    assert driver.ask(5) == 0


def test_a_rung_is_smaller_where_the_sampler_ends():
    space = Space({"a": Choice(["x", "y"]), "n": Int(1, 2)})
    driver = Driver(
        SuccessiveHalving(trials=9, min_budget=1 / 9, sampler=Grid()), space
    )
    driver.run(lambda config: config["n"], 100, batch=3)
    assert [float(row.budget[0]) for row in driver.asked] == pytest.approx(
        [1 / 9] * 4 + [1 / 3] * 3 + [1]
    )


def test_given_configurations_compete_on_the_first_rung():
    proposer = starting_from(
        SuccessiveHalving(trials=9, min_budget=1 / 9), [{"x": 0.25}]
    )
    driver = Driver(proposer, LINE).run(lambda c: abs(c["x"] - 0.25), 13, batch=4)
    assert driver.asked[0].x[0, 0] == 0.25
    assert driver.asked[0].budget[0] == pytest.approx(1 / 9)
    assert driver.told[-1].trial[0] == 0
    assert len(driver.asked) == 13


def test_the_model_of_a_sampler_is_of_the_largest_budget_known_enough():
    proposer = GaussianProcess(initial=5)
    state = proposer.init(LINE, key=jr.key(0))
    budget = np.array([0.1] * 8 + [0.5] * 5 + [1.0] * 4)
    n = len(budget)
    x = np.linspace(0, 1, n)[:, None]
    loss = np.arange(n, dtype=float)
    told = Outcome(x, np.arange(n), np.full(n, -1), budget, loss, loss)
    state = proposer.tell(state, told)
    np.testing.assert_array_equal(proposer._observed(state).marks, budget == 0.5)
    loss[9] = np.nan
    state = proposer.tell(proposer.init(LINE, key=jr.key(0)), told)
    np.testing.assert_array_equal(proposer._observed(state).marks, budget == 0.1)


def outcome_of(driver, losses, constraints=None):
    """Tells what is pending: a row of `losses` and `constraints` for each."""
    rows = [row for _, row in driver.pending]
    told = Outcome(
        np.concatenate([row.x for row in rows]),
        np.array([number for number, _ in driver.pending]),
        np.concatenate([row.parent for row in rows]),
        np.concatenate([row.budget for row in rows]),
        np.array(losses, float),
        np.ones(len(rows)),
        None if constraints is None else np.array(constraints, float),
    )
    driver.pending = []
    driver.state = driver.proposer.tell(driver.state, told)


def parents(driver, n):
    driver.ask(n)
    return [number for number, _ in driver.pending]


def test_a_rung_of_two_objectives_promotes_the_first_front():
    driver = Driver(SuccessiveHalving(trials=6, min_budget=1 / 3), LINE)
    driver.ask(6)
    outcome_of(driver, [[3, 3], [0, 4], [2, 5], [4, 0], [1, 9], [np.nan, 0]])
    # the ends of the front {0, 1, 3} are the least crowded
    assert parents(driver, 6) == [1, 3]


def test_a_rung_prefers_the_feasible_then_the_least_violated():
    driver = Driver(SuccessiveHalving(trials=6, min_budget=1 / 3), LINE)
    driver.ask(4)
    driver.ask(2)
    outcome_of(driver, np.arange(6), [[1], [2], [0.5], [0], [3], [9]])
    assert parents(driver, 6) == [3, 2]


def test_the_sampler_waits_for_the_budgets_of_its_rows():
    proposer = SuccessiveHalving(trials=4, min_budget=1 / 3, sampler=GaussianProcess())
    driver = Driver(proposer, LINE)
    driver.ask(4)
    assert (driver.state.sampler.pending_budget == 1 / 3).all()
    driver.tell(lambda config: config["x"])
    assert len(driver.state.sampler.pending) == 0


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: SuccessiveHalving(min_budget=0), "min_budget"),
        (lambda: SuccessiveHalving(min_budget=1.5), "min_budget"),
        (lambda: Hyperband(factor=1), "factor"),
        (lambda: SuccessiveHalving(trials=0), "trials"),
    ],
)
def test_errors_say_the_rule(make, words):
    with pytest.raises(InvalidInput, match=words):
        make()
