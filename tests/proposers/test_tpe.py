"""TPE beyond the contract: what it learns from, batches, objectives, priors, levels."""

import jax.random as jr
import numpy as np
import pytest

from thalweg.core.errors import InvalidInput
from thalweg.proposers import TPE, Outcome, Random
from thalweg.spaces import Choice, Float, Space
from thalweg.testing.problems import BRANIN, HARTMANN6, RECIPE
from thalweg.testing.proposers import Driver, assert_lower, check_beats_random

LINE = Space({"x": Float(0, 1)})
PLANE = Space({"x": Float(0, 1), "y": Float(0, 1)})


def told(space, x, losses, *, budget=None, constraints=None):
    """The state of a TPE that was told so much."""
    n, tpe = len(x), TPE()
    state = tpe.init(space, key=jr.key(0))
    budget = np.ones(n) if budget is None else budget
    outcome = Outcome(
        x, np.arange(n), np.full(n, -1), budget, losses, np.ones(n), constraints
    )
    return tpe, tpe.tell(state, outcome)


def share_below(tpe, state, bound=0.5, n=40):
    """How many single proposals have a first coordinate below `bound`."""
    rows = [tpe.propose(state, 1, key=jr.key(i)).x[0, 0] for i in range(n)]
    return np.mean(np.array(rows) < bound)


@pytest.mark.slow
@pytest.mark.parametrize("problem", [BRANIN, HARTMANN6, RECIPE], ids=lambda p: p.name)
def test_beats_random(problem):
    check_beats_random(TPE(), problem, seeds=12, evaluations=60)


def test_proposes_where_losses_are_low():
    x = np.random.default_rng(0).random((60, 1))
    tpe, state = told(LINE, x, (x[:, 0] - 0.2) ** 2)
    assert share_below(tpe, state, 0.4) > 0.8


@pytest.mark.parametrize(("n", "good"), [(10, 4), (60, 8), (700, 25)])
def test_as_many_are_good_as_the_root_of_all(n, good):
    x = np.random.default_rng(0).random((n, 1))
    tpe, state = told(LINE, x, x[:, 0])
    found, _ = tpe._split(state, np.random.default_rng(0))
    np.testing.assert_array_equal(found, np.argsort(x[:, 0])[:good])


def test_where_bad_trials_are_is_not_gone_to():
    rng = np.random.default_rng(0)
    good = np.tile([0.8, 0.2], 4) + 0.02 * rng.normal(size=8)  # the best is at 0.8 …
    bad = 0.8 + 0.05 * rng.normal(size=52)  # … and so is what failed
    tpe, state = told(LINE, np.append(good, bad)[:, None], np.arange(60.0))
    assert share_below(tpe, state) > 0.8


def test_the_best_of_the_good_count_most():
    x = np.append([0.2, 0.3, 0.8, 0.7], np.linspace(0, 1, 12))  # four are good
    tpe, state = told(LINE, x[:, None], np.arange(16.0))
    assert share_below(tpe, state) > 0.8
    tpe, state = told(LINE, 1 - x[:, None], np.arange(16.0))
    assert share_below(tpe, state) < 0.2


def test_failed_trials_are_bad():
    x = np.random.default_rng(0).random((60, 1))
    tpe, state = told(LINE, x, np.where(x[:, 0] > 0.3, np.nan, 1.0))
    assert share_below(tpe, state) > 0.8


def test_infeasible_trials_are_bad():
    x = np.random.default_rng(0).random((60, 1))
    tpe, state = told(LINE, x, 1 - x[:, 0], constraints=x - 0.4)
    assert share_below(tpe, state, 0.5) > 0.8
    assert share_below(tpe, state, 0.15) < 0.2


def test_several_objectives_cover_the_front():
    """Minimise x and 1 - x, and y: the front is y = 0."""
    x = np.random.default_rng(0).random((100, 2))
    losses = np.stack([x[:, 0] + x[:, 1], 1 - x[:, 0] + x[:, 1]], axis=1)
    tpe, state = told(PLANE, x, losses)
    rows = tpe.propose(state, 40, key=jr.key(0)).x
    assert np.median(rows[:, 1]) < 0.3
    assert np.ptp(rows[:, 0]) > 0.6


def test_learns_from_the_largest_budget_with_enough():
    rng = np.random.default_rng(0)
    x, budget = rng.random((90, 1)), np.repeat([0.1, 0.5, 1.0], [40, 40, 10])
    low = np.repeat([1, -1, 1], [40, 40, 10]) * x[:, 0]  # half budgets say: high x
    tpe, state = told(LINE, x, low, budget=budget)
    assert share_below(tpe, state) > 0.5  # full trainings say: low x
    tpe, state = told(LINE, x[:-1], low[:-1], budget=budget[:-1])
    assert share_below(tpe, state) < 0.2


def test_a_batch_is_spread():
    """Rows of a batch keep off each other: they are further apart than l(x) alone."""
    x = np.random.default_rng(0).random((60, 2))
    tpe, state = told(PLANE, x, ((x - 0.5) ** 2).sum(1))
    batch = tpe.propose(state, 8, key=jr.key(0)).x
    singles = [tpe.propose(state, 1, key=jr.key(i)).x[0] for i in range(8)]

    def nearest(rows):
        apart = np.linalg.norm(rows[:, None] - rows, axis=2)
        return np.median(np.sort(apart, 1)[:, 1])

    assert nearest(batch) > nearest(np.array(singles))
    good, bad = tpe._split(state, np.random.default_rng(0))
    seen, alone = set(), []
    for _ in range(8):  # the best candidates of one pool
        rows = state.x[good], state.x[bad]
        row = tpe._best(state, *rows, seen, 1, np.random.default_rng(0))[0]
        seen.add(row.tobytes())
        alone.append(row)
    batch = tpe._best(state, *rows, set(), 8, np.random.default_rng(0))
    np.testing.assert_array_equal(batch[0], alone[0])
    assert nearest(batch) > 1.5 * nearest(np.array(alone))


def test_a_thousand_rows_at_once():
    x = np.random.default_rng(0).random((60, 2))
    tpe, state = told(PLANE, x, ((x - 0.5) ** 2).sum(1))
    rows = tpe.propose(state, 1000, key=jr.key(0)).x
    assert len(np.unique(rows, axis=0)) == 1000


def test_a_thousand_rows_of_a_small_space():
    space = Space({f"x{i}": Choice(list("abc")) for i in range(5)})
    driver = Driver(TPE(), space).run(lambda c: c["x0"] == "a", 20, batch=20)
    assert driver.ask(1000) == 243 - 20


def priors(loss_at, prior_at, evaluations=30):
    """Best losses with and without a prior, over seeds."""
    runs = []
    for parameter in (Float(0, 1, prior=prior_at), Float(0, 1)):
        space = Space({f"x{i}": parameter for i in range(4)})

        def loss(config):
            return sum((v - loss_at) ** 2 for v in config.values())

        runs.append(
            [
                np.log(
                    Driver(TPE(), space, seed=s).run(loss, evaluations, batch=2).losses
                ).min()
                for s in range(8)
            ]
        )
    return runs


def test_a_good_prior_helps():
    assert_lower(*priors(0.8, 0.8), sigma=2)


@pytest.mark.slow
def test_a_bad_prior_is_outweighed():
    misled, _ = priors(0.9, 0.1, evaluations=100)
    space = Space({f"x{i}": Float(0, 1) for i in range(4)})

    def loss(config):
        return sum((v - 0.9) ** 2 for v in config.values())

    blind = [
        np.log(Driver(Random(), space, seed=s).run(loss, 100, batch=2).losses.min())
        for s in range(8)
    ]
    assert_lower(misled, blind, sigma=2)


def test_initial_must_be_positive():
    with pytest.raises(InvalidInput, match="at least 1, but got 0"):
        TPE(initial=0)
