"""Freeze-thaw: who begins, who goes on, and that it pays."""

import math

import numpy as np
import pytest

from thalweg.core.errors import InvalidInput
from thalweg.proposers import FreezeThaw, Hyperband, Outcome, Random
from thalweg.proposers.freeze_thaw import _curves, _latest
from thalweg.spaces import Choice, Float, Space
from thalweg.testing.proposers import Driver, assert_lower

SQUARE = Space({"end": Float(0, 1), "speed": Float(0, 1)})


def curve(config, budget):
    """Who falls fast ends high: half-way through, ranks are still the wrong ones."""
    end = (config["end"] - 0.3) ** 2 + 0.15 * config["speed"]
    return end + np.exp(-(3 + 12 * config["speed"]) * budget)


def tell(driver, loss):
    """Everything that is pending, by its budget."""
    rows = [row for _, row in driver.pending]
    budget = np.concatenate([row.budget for row in rows])
    x = np.concatenate([row.x for row in rows])
    configs = driver.space.decode(x)
    losses = [loss(c, b) for c, b in zip(configs, budget, strict=True)]
    outcome = Outcome(
        x,
        np.array([number for number, _ in driver.pending]),
        np.concatenate([row.parent for row in rows]),
        budget,
        np.array(losses),
        np.ones(len(rows)),
    )
    driver.pending = []
    driver.state = driver.proposer.tell(driver.state, outcome)
    driver.told.append(outcome)
    return outcome


def spend(proposer, total, *, seed=0, batch=4, loss=curve):
    """The best loss after so many full trainings; what went on costs the rest only."""
    driver = Driver(proposer, SQUARE, seed=seed)
    spent, reached, best = 0.0, {}, math.inf
    while spent < total and driver.ask(batch):
        outcome = tell(driver, loss)
        for trial, budget in zip(outcome.trial, outcome.budget, strict=True):
            spent += budget - reached.get(trial, 0.0)
            reached[trial] = budget
        best = min([best, *outcome.loss[np.isfinite(outcome.loss)]])
    return best, driver


def test_budgets_grow_step_by_step_to_a_full_training():
    proposer = FreezeThaw(min_budget=1 / 8, factor=2, initial=3)
    _, driver = spend(proposer, 6.0)
    np.testing.assert_allclose(proposer.budgets, [1 / 8, 1 / 4, 1 / 2, 1])
    reached = {}
    for row, (number, budget) in zip(
        driver.asked,
        [(t, b) for o in driver.told for t, b in zip(o.trial, o.budget, strict=True)],
        strict=True,
    ):
        assert row.parent[0] == (number if number in reached else -1)
        assert budget == pytest.approx(2 * reached.get(number, 1 / 16))
        reached[number] = budget
    assert max(reached.values()) == 1


def test_the_best_are_thawed():
    """Those that go on had lower losses at their budget than those that stay frozen."""
    _, driver = spend(FreezeThaw(initial=8), 5.0)
    archive, first = driver.state, driver.proposer.budgets[0]
    begun = np.isclose(archive.budget, first)
    later = np.isin(archive.trial, archive.trial[archive.budget > 2 * first])
    end = (archive.x[:, 0] - 0.3) ** 2
    assert later[begun].mean() < 0.7
    assert end[begun & later].mean() < end[begun & ~later].mean()


def test_what_is_training_is_not_thawed_again():
    _, driver = spend(FreezeThaw(initial=3, greed=1.0), 0.1, batch=3)
    for _ in range(2):
        driver.ask(2)
    parents = [int(row.parent[0]) for _, row in driver.pending]
    assert sorted(parents) == [-1, 0, 1, 2]


def test_a_diverged_trial_is_never_thawed():
    def loss(config, budget):
        return math.nan if config["speed"] > 0.5 else curve(config, budget)

    _, driver = spend(FreezeThaw(initial=4), 4.0, loss=loss)
    thawed = [row.x[0, 1] for row in driver.asked if row.parent[0] >= 0]
    assert thawed
    assert max(thawed) <= 0.5


def test_the_model_holds_whole_curves_of_the_best():
    _, driver = spend(FreezeThaw(initial=4), 6.0)
    state, rng = driver.state, np.random.default_rng(0)
    rows = _curves(state, state.loss, 20, rng)
    assert 10 < len(rows) <= 20
    for trial in np.unique(state.trial[rows]):
        assert (state.trial[rows] == trial).sum() == (state.trial == trial).sum()
    assert state.trial[np.argmin(state.loss)] in state.trial[rows]
    last = _latest(state)
    assert len(last) == len(np.unique(state.trial))
    assert (state.budget[last] >= state.budget[rows[0]]).all()


def tame(config, budget):
    """All fall alike."""
    end = (config["end"] - 0.3) ** 2 + 0.3 * (config["speed"] - 0.6) ** 2
    return end + 0.5 * 0.5 ** (10 * budget)


@pytest.mark.slow
@pytest.mark.parametrize(("other", "sigma"), [(Random(), 3.0), (Hyperband(), 1.0)])
def test_it_needs_fewer_trainings(other, sigma):
    """After eight full trainings, over seeds, its best is better than another's."""
    ours, theirs = (
        [np.log10(spend(p, 8.0, seed=seed, loss=tame)[0]) for seed in range(8)]
        for p in (FreezeThaw(), other)
    )
    assert_lower(ours, theirs, sigma=sigma)


def test_per_second_the_cheap_come_first():
    """Two kinds of equal losses, one of which takes ten times as long."""
    space = Space({"kind": Choice(["quick", "slow"]), "x": Float(0, 1)})

    def shares(proposer):
        driver = Driver(proposer, space)
        while len(driver.asked) < 60:
            driver.ask(4)
            rows = [row for _, row in driver.pending]
            x = np.concatenate([row.x for row in rows])
            budget = np.concatenate([row.budget for row in rows])
            quick = x[:, 0] < 0.5
            outcome = Outcome(
                x,
                np.array([number for number, _ in driver.pending]),
                np.concatenate([row.parent for row in rows]),
                budget,
                (x[:, 1] - 0.3) ** 2 + 0.5 ** (10 * budget),
                budget * np.where(quick, 1.0, 10.0),
            )
            driver.pending = []
            driver.state = proposer.tell(driver.state, outcome)
        x = np.concatenate([row.x for row in driver.asked[20:]])
        return (x[:, 0] < 0.5).mean()

    assert shares(FreezeThaw(per_second=True)) > 0.8
    assert 0.2 < shares(FreezeThaw()) < 0.8


def test_errors_say_the_rule():
    with pytest.raises(InvalidInput, match="initial"):
        FreezeThaw(initial=0)
    with pytest.raises(InvalidInput, match="greed"):
        FreezeThaw(greed=2)
    with pytest.raises(InvalidInput, match="min_budget"):
        FreezeThaw(min_budget=0)
