"""Search without a model: where the rows lie."""

import itertools

import jax.random as jr
import numpy as np
import pytest

from thalweg.core.errors import InvalidInput
from thalweg.proposers import (
    Grid,
    Halton,
    LatinHypercube,
    Random,
    Sobol,
    starting_from,
)
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


def test_halton_counts_in_primes():
    x = asked(Halton(), SQUARE, 360, batch=100)
    counts, _, _ = np.histogram2d(*x.T, bins=(8, 9), range=[[0, 1], [0, 1]])
    np.testing.assert_array_equal(counts, 5)  # 360 = 5 * 2^3 * 3^2


def test_every_slice_of_a_latin_hypercube_holds_one_point():
    space = Space({f"x{i}": Float(0, 1) for i in range(5)})
    x = asked(LatinHypercube(samples=30), space, 60, batch=7)
    for cube in (x[:30], x[30:]):
        np.testing.assert_array_equal(
            np.sort(np.floor(30 * cube), axis=0), np.arange(30)[:, None].repeat(5, 1)
        )
    assert not np.array_equal(np.floor(30 * x[:30]), np.floor(30 * x[30:]))
    default = np.sort(np.floor(50 * asked(LatinHypercube(), space, 50)), axis=0)
    np.testing.assert_array_equal(default[:, 0], np.arange(50))


def test_a_latin_hypercube_is_one_of_all():
    """The pairing of two dimensions is uniform: all permutations are as likely."""
    plane = Space({"x": Float(0, 1), "y": Float(0, 1)})
    counts = {}
    for seed in range(600):
        state = LatinHypercube(samples=3).init(plane, key=jr.key(seed))
        proposal, _ = LatinHypercube(samples=3).ask(state, 3, key=jr.key(0))
        x, y = np.floor(3 * proposal.x).T
        pairing = tuple(y[np.argsort(x)])
        counts[pairing] = counts.get(pairing, 0) + 1
    assert len(counts) == 6
    # chi-squared with 5 degrees of freedom: mean 5, standard deviation 3.2
    assert sum((c - 100) ** 2 / 100 for c in counts.values()) < 5 + 5 * 3.2


@pytest.mark.parametrize("make", [Sobol, Halton, LatinHypercube])
def test_sequences_do_not_depend_on_the_batch_but_on_the_seed(make):
    one = asked(make(), SQUARE, 60, batch=1)
    np.testing.assert_array_equal(one, asked(make(), SQUARE, 60, batch=17))
    other = make().init(SQUARE, key=jr.key(5))
    proposal, _ = make().ask(other, 60, key=jr.key(0))
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
    for proposer in (Random(), Grid(), Sobol(), Halton(), LatinHypercube()):
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


def test_a_latin_hypercube_needs_samples():
    with pytest.raises(InvalidInput, match="samples"):
        LatinHypercube(samples=0)
