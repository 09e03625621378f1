"""The default choice picks by the space and says why."""

import jax.random as jr
import numpy as np

from thalweg.proposers import Auto, ChoiceGaussianProcess, GaussianProcess
from thalweg.spaces import Choice, Float, Ordinal, Space
from thalweg.testing.problems import BRANIN
from thalweg.testing.proposers import Driver

CELL = Space({f"edge{i}": Choice(["none", "skip", "conv"]) for i in range(4)})
MIXED = Space({"a": Choice(["x", "y"]), "b": Float(0, 1), "c": Ordinal([1, 2, 4])})


def test_picks_by_the_kind_of_space_and_says_why():
    pick = Auto().pick(CELL)
    assert isinstance(pick.proposer, ChoiceGaussianProcess)
    assert "4 of 4 dimensions are choices" in pick.reason
    pick = Auto().pick(MIXED)
    assert isinstance(pick.proposer, GaussianProcess)
    assert "3 dimensions" in pick.reason


def test_proposes_what_its_pick_would():
    both = [Driver(each, BRANIN.space) for each in (Auto(), GaussianProcess())]
    for driver in both:
        driver.run(BRANIN.loss, 12, batch=4)
    rows = [np.concatenate([row.x for row in driver.asked]) for driver in both]
    np.testing.assert_array_equal(*rows)
    np.testing.assert_array_equal(
        *(driver.proposer.recommend(driver.state) for driver in both)
    )


def test_recommends_nothing_before_it_knows_something():
    assert Auto().recommend(Auto().init(CELL, key=jr.key(0))) is None
