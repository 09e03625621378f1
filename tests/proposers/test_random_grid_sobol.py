"""Search without a model: where the rows lie."""

import itertools

import jax.random as jr
import numpy as np
import pytest

from thalweg.core.errors import InvalidInput
from thalweg.proposers import Grid, Random, Sobol, starting_from
from thalweg.proposers.distinct import SMALL
from thalweg.spaces import Choice, Constant, Float, Int, Ordinal, Space
from thalweg.testing.proposers import Driver

SQUARE = Space({"x": Float(0, 1), "y": Float(0, 1)})


def asked(proposer, space, n, batch=64):
    driver = Driver(proposer, space).run(lambda config: 0.0, n, batch=batch)
    return np.concatenate([row.x for row in driver.asked])


def test_random_rows_are_uniform():
    x = asked(Random(), SQUARE, 4096)
    counts, _, _ = np.histogram2d(*x.T, bins=8, range=[[0, 1], [0, 1]])
    # chi-squared with 63 degrees of freedom: mean 63, standard deviation 11.2
    assert abs(((counts - 64) ** 2 / 64).sum() - 63) < 5 * 11.2


def test_sobol_rows_are_more_even_than_random_ones():
    x = asked(Sobol(), SQUARE, 1024, batch=100)
    counts, _, _ = np.histogram2d(*x.T, bins=32, range=[[0, 1], [0, 1]])
    np.testing.assert_array_equal(counts, 1)  # a (0, 10, 2)-net


def test_sobol_does_not_depend_on_the_batch_but_on_the_seed():
    one = asked(Sobol(), SQUARE, 60, batch=1)
    np.testing.assert_array_equal(one, asked(Sobol(), SQUARE, 60, batch=17))
    other = Sobol().init(SQUARE, key=jr.key(5))
    proposal, _ = Sobol().ask(other, 60, key=jr.key(0))
    assert not np.isin(proposal.x, one).any()


def test_a_large_finite_space_is_not_listed():
    space = Space({f"c{i}": Choice(list("abcdef")) for i in range(8)})
    assert space.size > SMALL
    assert len(asked(Random(), space, 200)) == 200


def test_grid_is_the_product_in_order():
    space = Space(
        {
            "x": Float(0, 10),
            "n": Int(1, 100),
            "k": Choice(["a", "b"]),
            "o": Ordinal(list(range(6))),
            "one": Constant(1),
        }
    )
    configs = space.decode(asked(Grid(resolution=3), space, 1000))
    product = itertools.product([0.0, 5.0, 10.0], [1, 51, 100], "ab", range(6))
    assert [(c["x"], c["n"], c["k"], c["o"]) for c in configs] == list(product)


def test_grid_skips_absent_parameters():
    space = Space(
        {
            "momentum": Float(0, 1).when("optimizer", ["sgd"]),
            "optimizer": Choice(["adam", "sgd"]),
        }
    )
    configs = space.decode(asked(Grid(resolution=3), space, 100))
    assert configs == [
        {"optimizer": "adam"},
        {"momentum": 0.0, "optimizer": "sgd"},
        {"momentum": 0.5, "optimizer": "sgd"},
        {"momentum": 1.0, "optimizer": "sgd"},
    ]


def test_a_space_of_one_configuration_is_asked_once():
    space = Space({"a": Constant(1)})
    for proposer in (Random(), Grid(), Sobol()):
        assert asked(proposer, space, 5).shape == (1, 0)


@pytest.mark.parametrize("n", [0, -1, 1.5, True])
def test_ask_needs_a_positive_number(n):
    state = Random().init(SQUARE, key=jr.key(0))
    with pytest.raises(InvalidInput, match="positive number of rows"):
        Random().ask(state, n, key=jr.key(1))


def test_a_grid_after_given_configurations_is_whole():
    given = starting_from(Grid(resolution=3), [{"x": 0.2, "y": 0.2}])
    x = asked(given, SQUARE, 100, batch=4)
    np.testing.assert_array_equal(x[0], [0.2, 0.2])
    np.testing.assert_array_equal(x[1:], asked(Grid(resolution=3), SQUARE, 100))


def test_grid_needs_a_resolution():
    with pytest.raises(InvalidInput, match="resolution"):
        Grid(resolution=0)
