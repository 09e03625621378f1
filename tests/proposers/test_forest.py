"""The random forest beyond the contract: quality, objectives, priors, its arguments."""

import jax.random as jr
import numpy as np
import pytest

from thalweg.core.errors import InvalidInput
from thalweg.proposers import Outcome, RandomForest
from thalweg.spaces import Float, Space
from thalweg.testing.problems import HARTMANN6, RECIPE
from thalweg.testing.proposers import check_beats_random

PLANE = Space({"x": Float(0, 1), "y": Float(0, 1)})


def propose(x, losses, n, *, space=PLANE, constraints=None):
    """What a forest that was told so much proposes."""
    k, forest = len(x), RandomForest(explore=0.0)
    state = forest.init(space, key=jr.key(0))
    outcome = Outcome(
        x, np.arange(k), np.full(k, -1), np.ones(k), losses, np.ones(k), constraints
    )
    return forest.propose(forest.tell(state, outcome), n, key=jr.key(1)).x


@pytest.mark.slow
@pytest.mark.parametrize("problem", [HARTMANN6, RECIPE], ids=lambda p: p.name)
def test_beats_random(problem):
    check_beats_random(RandomForest(), problem, seeds=12, evaluations=60, batch=10)


def test_proposes_where_losses_are_low():
    x = np.random.default_rng(0).random((60, 2))
    rows = propose(x, ((x - 0.2) ** 2).sum(1), 8)
    assert (np.abs(rows - 0.2).max(1) < 0.25).mean() > 0.6


def test_infeasible_trials_are_the_worst():
    x = np.random.default_rng(0).random((60, 2))
    rows = propose(x, x[:, 0], 8, constraints=0.5 - x[:, :1])
    assert ((rows[:, 0] > 0.4) & (rows[:, 0] < 0.75)).mean() > 0.6


def test_several_objectives_weigh_differently_each_time():
    x = np.random.default_rng(0).random((60, 2))
    rows = propose(x, np.stack([x[:, 1] + x[:, 0], x[:, 1] - x[:, 0]], axis=1), 8)
    assert np.median(rows[:, 1]) < 0.35


def test_a_prior_is_believed_at_first():
    x = np.random.default_rng(0).random((12, 2))
    believed = Float(0, 1, prior=0.9, prior_confidence="high")
    space = Space({"x": believed, "y": believed})
    rows = propose(x, np.zeros(12), 8, space=space)
    assert np.median(rows) > 0.7


@pytest.mark.parametrize(
    "wrong", [{"initial": 0}, {"trees": 0}, {"explore": 1.5}, {"max_observations": 0}]
)
def test_arguments(wrong):
    with pytest.raises(InvalidInput, match=f"`{next(iter(wrong))}`"):
        RandomForest(**wrong)
