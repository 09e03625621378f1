"""Differential evolution: how children are made, and whom they replace."""

import itertools

import jax.random as jr
import numpy as np
import pytest

from thalweg.core.errors import InvalidInput, UnknownName
from thalweg.proposers import DifferentialEvolution, Outcome
from thalweg.proposers.variation import reflected
from thalweg.spaces import Choice, Float, Ordinal, Space
from thalweg.testing.problems import BRANIN, HARTMANN6, RECIPE
from thalweg.testing.proposers import Driver, check_beats_random

SQUARE = Space({f"x{i}": Float(0, 1) for i in range(3)})
LISTED = Space({"o": Ordinal(list(range(9))), "c": Choice(list("abcdefgh"))})


def sphere(config):
    return sum((value - 0.3) ** 2 for value in config.values())


def test_a_child_is_a_member_and_a_difference():
    proposer = DifferentialEvolution(
        population=5, strategy="rand1", factor=0.7, crossover_rate=1.0
    )
    driver = Driver(proposer, SQUARE).run(sphere, 5, batch=5)
    members = driver.state.vectors
    np.testing.assert_array_equal(members, driver.told[0].x)
    driver.ask(5)
    for target, row in enumerate(driver.asked[5:]):
        others = [members[i] for i in range(5) if i != target]
        made = [
            reflected(a + 0.7 * (b - c))
            for a, b, c in itertools.permutations(others, 3)
        ]
        assert min(np.abs(row.x[0] - v).max() for v in made) < 1e-12


def test_jades_child_is_its_rival_moved_towards_one_of_the_best():
    proposer = DifferentialEvolution(
        strategy="current_to_pbest1", factor=0.7, crossover_rate=1.0
    )
    driver = Driver(proposer, SQUARE).run(sphere, 10, batch=10)
    members = driver.state.vectors
    losses = [sphere(config) for config in SQUARE.decode(members)]
    driver.ask(10)
    for rival, row in enumerate(driver.asked[10:]):
        others = [members[i] for i in range(10) if i != rival]
        made = [
            reflected(members[rival] + 0.7 * (best - members[rival]) + 0.7 * (b - c))
            for best in members[np.argsort(losses)[:2]]
            for b, c in itertools.permutations(others, 2)
        ]
        assert min(np.abs(row.x[0] - v).max() for v in made) < 1e-12


def test_without_crossover_one_dimension_leaves_the_rival():
    proposer = DifferentialEvolution(population=6, crossover_rate=0.0)
    driver = Driver(proposer, SQUARE).run(sphere, 6, batch=6)
    rivals = driver.state.vectors.copy()
    driver.ask(6)
    children = np.concatenate([row.x for row in driver.asked[6:]])
    np.testing.assert_array_equal((children != rivals).sum(1), 1)


def test_a_child_takes_its_rivals_place_if_it_is_no_worse():
    driver = Driver(DifferentialEvolution(population=6), SQUARE)
    driver.run(sphere, 6, batch=6)
    before = driver.state.vectors.copy()
    driver.ask(6)
    children = np.concatenate([row.x for row in driver.asked[6:]])
    old = [sphere(c) for c in SQUARE.decode(before)]
    new = [sphere(c) for c in SQUARE.decode(children)]
    driver.tell(sphere, last=True)
    wanted = np.where((np.array(new) <= old)[:, None], children, before)
    np.testing.assert_array_equal(driver.state.vectors, wanted)


def test_members_are_continuous_where_rows_are_not():
    driver = Driver(DifferentialEvolution(population=8), LISTED)
    driver.run(lambda config: config["o"], 40, batch=4)
    vectors = driver.state.vectors
    rows = LISTED.canonical(vectors)
    assert (vectors != rows).any(1).all()
    asked = {row.x.tobytes() for row in driver.asked}
    assert {row.tobytes() for row in rows} <= asked


def test_a_configuration_that_is_told_replaces_the_worst():
    driver = Driver(DifferentialEvolution(population=4), SQUARE)
    driver.run(sphere, 4, batch=4)
    losses = [sphere(c) for c in SQUARE.decode(driver.state.vectors)]
    x, one = np.full((1, 3), 0.3), np.ones(1)
    told = Outcome(x, np.array([9]), np.array([-1]), one, 0 * one, one)
    vectors = driver.proposer.tell(driver.state, told).vectors
    np.testing.assert_array_equal(vectors[np.argmax(losses)], x[0])
    changed = (vectors != driver.state.vectors).any(1)
    assert changed.sum() == 1


def test_rows_of_others_are_their_own_vectors():
    proposer = DifferentialEvolution(population=4)
    state = proposer.init(LISTED, key=jr.key(0))
    proposal = proposer.propose(state, 3, key=jr.key(1))
    other = LISTED.encode([{"o": 4, "c": "c"}])[0]
    proposal.x[1] = other
    state = proposer.expect(state, proposal)
    np.testing.assert_array_equal(state.draft[1], other)
    assert (state.draft[[0, 2]] != proposal.x[[0, 2]]).any(1).all()


@pytest.mark.slow
@pytest.mark.parametrize("problem", [BRANIN, HARTMANN6, RECIPE], ids=lambda p: p.name)
def test_differential_evolution_beats_random(problem):
    check_beats_random(DifferentialEvolution(), problem, seeds=20, evaluations=100)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"population": 3}, "population"),
        ({"factor": 0}, "factor"),
        ({"crossover_rate": 1.1}, "crossover_rate"),
    ],
)
def test_errors_say_the_rule(fields, words):
    with pytest.raises(InvalidInput, match=words):
        DifferentialEvolution(**fields)


def test_unknown_strategies_are_suggested():
    with pytest.raises(UnknownName, match="Did you mean 'rand1'"):
        DifferentialEvolution(strategy="rand2")
