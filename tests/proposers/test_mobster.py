"""Asynchronous halving with a model: what it learns of trials that stopped early."""

from dataclasses import replace

import jax.random as jr
import numpy as np
import pytest

from thalweg.core.errors import InvalidInput
from thalweg.proposers import ASHA, MOBSTER, Archive, GaussianProcess, Outcome
from thalweg.proposers.modelled import ENOUGH, aligned
from thalweg.spaces import Float, Space
from thalweg.testing.problems import RECIPE
from thalweg.testing.proposers import Driver, check_beats_random

LINE = Space({"x": Float(0, 1)})
SQUARE = Space({"x": Float(0, 1), "y": Float(0, 1)})


def archive(trial, budget, losses, space=LINE):
    """Outcomes told one after the other; a trial's row is its number's."""
    trial = np.asarray(trial)
    x = np.where(trial < 0, 0.99, trial / 100)[:, None]
    begun = np.array([t in trial[:i] for i, t in enumerate(trial)], bool)
    parent = np.where(begun, trial, -1)
    cost = np.full(len(trial), 1.0)
    told = Outcome(x, trial, parent, np.asarray(budget), np.asarray(losses), cost)
    return Archive.empty(space, key=jr.key(0)).tell(told)


def test_one_budget_is_left_as_it_is():
    found = archive([0, 1, 2], [0.5] * 3, [1.0, np.nan, 2.0])
    assert aligned(found) is found


def test_losses_follow_the_line_through_those_that_went_on():
    """Against least squares of NumPy, over two steps, and in their order."""
    rng = np.random.default_rng(0)
    early, late = rng.random(12), 0.5 + 0.1 * rng.random(6)
    late[:6] += 0.4 * np.sort(early)[:6]
    went = np.argsort(early)[:6]
    trial = [*range(12), *went, went[0], went[1]]
    budget = [1 / 9] * 12 + [1 / 3] * 6 + [1.0] * 2
    found = aligned(archive(trial, budget, [*early, *late, 0.1, 0.3]))
    slope, level = np.polyfit(early[went], late, 1)
    most = early[went].max()
    beyond = np.maximum(early - most, 0)
    middle = level + slope * (early - beyond) + beyond
    shift = np.mean([0.1, 0.3]) - late[:2].mean()  # two make no line
    assert ENOUGH > 2
    expected = [*(middle + shift), *(late + shift), 0.1, 0.3]
    np.testing.assert_allclose(found.losses[:, 0], expected)
    np.testing.assert_array_equal(found.trial, trial)
    np.testing.assert_array_equal(found.budget, budget)


def test_a_line_never_falls_and_needs_different_losses():
    """Where the early losses mislead, all survivors are alike, and worse ones worse."""
    early, late = np.arange(6.0), np.array([3.0, 2.0, 1.0, 0.0])
    trial, budget = [*range(6), *range(4)], [0.1] * 6 + [1.0] * 4
    found = aligned(archive(trial, budget, [*early, *late])).losses[:, 0]
    np.testing.assert_allclose(found, [*[1.5] * 4, 1.5 + 1, 1.5 + 2, *late])
    same = aligned(
        archive([0, 1, 2, 3, 4, 0, 1, 2, 3], [0.1] * 5 + [1.0] * 4, [1.0] * 9)
    )
    assert np.isfinite(same.losses).all()


def test_what_failed_stays_failed():
    trial = [0, 1, 2, -1, -1, 0, 1]
    budget = [0.1, 0.1, 0.1, 0.1, 1.0, 1.0, 1.0]
    nan = np.nan
    found = aligned(archive(trial, budget, [1, 2, nan, nan, nan, 0.5, nan]))
    expected = [0.5, 1.5, nan, nan, nan, 0.5, nan]
    np.testing.assert_array_equal(found.losses[:, 0], expected)


def test_costs_are_those_of_full_trainings():
    told = archive([0, 1, 2, 0], [1 / 9, 1 / 9, 1 / 9, 1.0], [1.0, 2.0, 3.0, 0.5])
    found = aligned(replace(told, cost=np.array([1.0, 2.0, np.nan, 9.0])))
    np.testing.assert_allclose(found.cost, [9.0, 18.0, np.nan, 9.0])


def test_per_second_the_cheap_is_first():
    """Of equal losses, what takes a hundredth; without it, anything."""
    rng = np.random.default_rng(0)
    x, number = rng.random((24, 2)), np.arange(24)
    loss, cost = (x[:, 0] - 0.5) ** 2, 10.0 ** (2 * x[:, 1] - 2)
    first = (x, number, np.full(24, -1), np.full(24, 1 / 9), loss, cost / 9)
    best = np.argsort(loss)[:8]
    then = (x[best], best, best, np.ones(8), loss[best], cost[best])

    def chosen(proposer):
        model = proposer.sampler.model
        state = model.init(SQUARE, key=jr.key(0))
        for told in (first, then):
            state = model.tell(state, Outcome(*told))
        return np.concatenate(
            [model.ask(state, 1, key=jr.key(k))[0].x for k in range(4)]
        )

    quick, plain = chosen(MOBSTER(per_second=True)), chosen(MOBSTER())
    np.testing.assert_allclose([quick[:, 0], plain[:, 0]], 0.5, atol=0.1)
    assert (quick[:, 1] < 0.1).all()
    assert (plain[:, 1] > 0.1).any()


def test_every_objective_has_its_own_line():
    early = np.stack([np.arange(5.0), np.arange(5.0)[::-1]], 1)
    late = early[:4] * [1.0, 3.0] + [2.0, 1.0]
    losses = np.concatenate([early, late])
    found = aligned(archive([*range(5), *range(4)], [0.1] * 5 + [1.0] * 4, losses))
    np.testing.assert_allclose(found.losses[found.trial == 4], [[6.0, 1.0]], atol=1e-9)


def test_the_model_knows_the_trials_that_were_stopped():
    """Survivors on the right; all of the left was tried briefly, and was bad."""
    x = np.linspace(0, 1, 24)
    early = 1 - x
    last = np.arange(16, 24)
    trial = np.append(np.arange(24), last)
    parent = np.append(np.full(24, -1), last)
    budget = np.append(np.full(24, 0.1), np.ones(8))
    losses = np.append(early, early[last] / 2)
    told = Outcome(x[trial, None], trial, parent, budget, losses, np.ones(32))
    proposer = GaussianProcess(initial=4, acquisition="thompson", joint=True)
    state = proposer.tell(proposer.init(LINE, key=jr.key(0)), told)
    proposal, _ = proposer.ask(state, 4, key=jr.key(1))
    assert (proposal.x > 0.6).all()


def test_a_joint_model_answers_for_full_trainings():
    """What is best after a ninth is on the left, what is best in the end is not."""
    x = np.linspace(0, 1, 16)
    early, late = (x - 0.2) ** 2, (x - 0.7) ** 2
    went = np.arange(0, 16, 2)
    trial = np.append(np.arange(16), went)
    parent = np.append(np.full(16, -1), went)
    budget = np.append(np.full(16, 1 / 9), np.ones(8))
    losses = np.append(early, late[went])
    told = Outcome(x[trial, None], trial, parent, budget, losses, np.ones(24))
    for acquisition in ("log_ei", "thompson"):
        proposer = GaussianProcess(initial=4, acquisition=acquisition, joint=True)
        state = proposer.tell(proposer.init(LINE, key=jr.key(0)), told)
        assert abs(proposer.recommend(state)[0] - 0.7) < 0.1
        asked = [proposer.ask(state, 1, key=jr.key(k))[0].x for k in range(4)]
        np.testing.assert_allclose(np.concatenate(asked), 0.7, atol=0.1)


def test_a_joint_model_is_of_all_rungs_at_the_level_of_the_largest():
    """A rung's general fall is no merit of those that went on."""
    trial, budget = [*range(5), *range(3), 0], [0.04] * 5 + [0.2] * 3 + [1.0]
    losses = [5.0, 6.0, 7.0, 8.0, np.nan, 2.0, 3.0, 4.0, 1.0]
    told = archive(trial, budget, losses)
    observed = GaussianProcess(joint=True)._observed(told)
    expected = [1.0, 2.0, 3.0, 4.0, np.nan, 1.0, 2.0, 3.0, 1.0]
    np.testing.assert_allclose(observed.archive.losses[:, 0], expected)
    np.testing.assert_allclose(observed.level, [0.0] * 5 + [0.5] * 3 + [1.0])
    np.testing.assert_array_equal(observed.marks, np.isfinite(losses))


def test_a_trial_counts_once_however_often_it_was_told():
    """Two trials, told at two budgets, are fewer than three to begin with."""
    proposer = GaussianProcess(initial=3, joint=True)
    state = proposer.init(SQUARE, key=jr.key(0))
    first, _ = proposer.ask(state, 3, key=jr.key(1))
    for budget in (0.1, 1.0):
        parent = [-1, -1] if budget < 1 else [0, 1]
        state = proposer.tell(
            state,
            Outcome(
                first.x[:2],
                np.arange(2),
                np.array(parent),
                np.full(2, budget),
                np.array([1.0, 2.0]),
                np.ones(2),
            ),
        )
    proposal, _ = proposer.ask(state, 1, key=jr.key(2))
    np.testing.assert_array_equal(proposal.x, first.x[2:])


def test_it_promotes_as_asha_does():
    assert MOBSTER().budgets.tolist() == ASHA(1 / 25, 5).budgets.tolist()
    driver = Driver(MOBSTER(min_budget=1 / 9, factor=3), SQUARE)
    driver.run(lambda config: config["x"], 60, batch=4)
    budgets = np.concatenate([row.budget for row in driver.asked])
    resumed = np.concatenate([row.parent for row in driver.asked]) >= 0
    assert (budgets[~resumed] < 0.2).all()
    assert (budgets == 1).any()
    assert 0 < resumed.sum() <= (~resumed).sum()


@pytest.mark.slow
def test_it_beats_random():
    check_beats_random(
        MOBSTER(min_budget=1 / 9), RECIPE, seeds=8, evaluations=120, batch=4
    )


def test_a_factor_of_one_is_refused():
    with pytest.raises(InvalidInput, match="factor"):
        MOBSTER(factor=1)
