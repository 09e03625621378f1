"""Asynchronous halving: who is promoted, when, and that there is always work."""

import math

import numpy as np
import pytest

from thalweg.core.errors import InvalidInput
from thalweg.proposers import ASHA, Outcome, Random, starting_from
from thalweg.spaces import Choice, Float, Int, Space
from thalweg.testing.proposers import Driver

LINE = Space({"x": Float(0, 1)})


def by_budget(driver):
    """Trials of each budget, in the order of asking."""
    found = {}
    for row in driver.asked:
        found.setdefault(round(1 / row.budget[0]), []).append(int(row.parent[0]))
    return found


def test_a_third_is_promoted_as_soon_as_there_are_three():
    driver = Driver(ASHA(min_budget=1 / 9), LINE)
    for _ in range(2):
        assert driver.ask(1) == 1
        driver.tell(lambda config: config["x"])
        assert driver.asked[-1].parent[0] == -1
    driver.ask(1)
    driver.tell(lambda config: config["x"])
    x = [row.x[0, 0] for row in driver.asked]
    driver.ask(1)
    assert driver.asked[-1].parent[0] == np.argmin(x)
    assert driver.asked[-1].budget[0] == pytest.approx(1 / 3)
    assert driver.ask(1) == 1, "while it is on its way, a new one begins"
    assert driver.asked[-1].parent[0] == -1


def test_one_worker_promotes_by_algorithm_2():
    """Against the published rule, one job at a time."""
    eta, budgets = 3, [1 / 9, 1 / 3, 1.0]
    driver = Driver(ASHA(min_budget=1 / 9), LINE, seed=3)
    rungs = [{}, {}, {}]
    promoted = [set(), set()]
    for _ in range(60):
        job = None
        for k in (1, 0):
            top = sorted(rungs[k], key=rungs[k].get)[: len(rungs[k]) // eta]
            free = [t for t in top if t not in promoted[k]]
            if free:
                job = free[0], k + 1
                promoted[k].add(free[0])
                break
        driver.ask(1)
        ((number, row),) = driver.pending
        if job is None:
            assert row.parent[0] == -1
            job = number, 0
        assert (number, row.budget[0]) == (job[0], pytest.approx(budgets[job[1]]))
        rungs[job[1]][number] = row.x[0, 0]
        driver.tell(lambda config: config["x"])
    assert len(rungs[2]) >= 3


def test_it_is_never_idle_and_promotes_highest_first():
    driver = Driver(ASHA(min_budget=1 / 9), LINE)
    for _ in range(8):
        assert driver.ask(5) == 5  # nothing told yet
    driver.tell(lambda config: config["x"])
    assert driver.ask(40) == 40
    driver.tell(lambda config: config["x"])
    driver.ask(6)
    budgets = [round(1 / row.budget[0]) for row in driver.asked[-6:]]
    assert budgets == sorted(budgets)
    assert len(by_budget(driver)[3]) == 40 // 3 + 2
    assert budgets[:4] == [1, 1, 1, 1]


def test_diverged_trials_and_those_given_up_are_not_promoted():
    driver = Driver(ASHA(min_budget=1 / 3), LINE)
    driver.ask(9)
    driver.tell(lambda config: math.nan)
    assert driver.ask(3) == 3
    assert by_budget(driver) == {3: [-1] * 12}
    x = np.linspace(0, 1, 30)[:, None]
    given_up = Outcome(
        x, *(np.full(30, -1) for _ in "ab"), *(np.full(30, v) for v in (1 / 3, 0.0, 1))
    )
    driver.state = driver.proposer.tell(driver.state, given_up)
    driver.tell(lambda config: config["x"])
    driver.ask(9)  # 3 of the 12 are as good as any, and are among the best 4
    assert sorted(by_budget(driver)[1]) == [9, 10, 11]


def test_an_exhausted_space_still_trains_its_best_in_full():
    space = Space({"a": Choice(["x", "y"]), "n": Int(1, 2)})
    driver = Driver(ASHA(min_budget=1 / 27, sampler=Random()), space)
    driver.run(lambda config: config["n"] + (config["a"] == "x"), 100, batch=3)
    found = by_budget(driver)
    assert len(found[27]) == 4
    assert len(found[3]) == len(found[1]) == 1
    assert found[1] == found[3]


def test_given_configurations_begin_on_the_first_rung():
    proposer = starting_from(ASHA(min_budget=1 / 3), [{"x": 0.25}])
    driver = Driver(proposer, LINE).run(lambda c: abs(c["x"] - 0.25), 6, batch=3)
    assert driver.asked[0].x[0, 0] == 0.25
    assert by_budget(driver)[1] == [0]


def test_errors_say_the_rule():
    with pytest.raises(InvalidInput, match="factor"):
        ASHA(factor=1)
