"""Local search: what neighbours are, where walks lead, when they start anew."""

import numpy as np
import pytest

from thalweg.core.errors import InvalidInput
from thalweg.proposers import LocalSearch, Outcome
from thalweg.proposers.lattice import Lattice
from thalweg.proposers.variation import neighbours
from thalweg.spaces import Choice, Float, Int, Ordinal, Space
from thalweg.testing.problems import BRANIN, HARTMANN6, RECIPE
from thalweg.testing.proposers import Driver, check_beats_random

CUBE = Space({f"c{i}": Choice(list("abcd")) for i in range(4)})


def test_neighbours_of_choices_are_all_that_differ_in_one():
    every = Lattice(CUBE).points()
    near, stage = neighbours(CUBE, every[77])
    wanted = every[(every != every[77]).sum(1) == 1]
    assert len(near) == 4 * 3
    assert {row.tobytes() for row in near} == {row.tobytes() for row in wanted}
    assert (stage == 0).all()


def test_neighbours_of_ordered_values_are_first_the_next_ones():
    space = Space({"o": Ordinal(list(range(6))), "n": Int(1, 3)})
    near, stage = neighbours(space, space.encode([{"o": 2, "n": 1}])[0])
    found = [
        (config["o"], config["n"], s)
        for config, s in zip(space.decode(near), stage.tolist(), strict=True)
    ]
    assert sorted(found) == sorted(
        [(1, 1, 0), (3, 1, 0), (2, 2, 0), (0, 1, 1), (4, 1, 1), (5, 1, 1), (2, 3, 1)]
    )


def test_neighbours_of_numbers_are_at_many_distances():
    space = Space({"x": Float(0, 1), "n": Int(0, 99)})
    near, _ = neighbours(space, space.encode([{"x": 0.5, "n": 40}])[0])
    found = space.decode(near)
    moved = sorted(c["x"] - 0.5 for c in found if c["n"] == 40)
    steps = 4.0 ** -np.arange(1, 6)
    np.testing.assert_allclose(moved, np.sort(np.append(steps, -steps)))
    numbers = sorted(c["n"] for c in found if c["x"] == 0.5)
    assert numbers == [15, 34, 38, 39, 41, 42, 46, 65]
    assert len(np.unique(near, axis=0)) == len(near)


def test_neighbours_of_absent_dimensions_are_none():
    space = Space({"k": Choice(["a", "b"]), "x": Float(0, 1).when("k", ["b"])})
    near, _ = neighbours(space, space.encode([{"k": "a"}])[0])
    assert space.decode(near) == [{"k": "b", "x": 0.5}]


def landscape(seed):
    """A random loss over `CUBE`, smooth enough for descents of several moves."""
    rng = np.random.default_rng(seed)
    parts, pairs = rng.normal(size=(4, 4)), rng.normal(size=(4, 4))

    def loss(config):
        k = ["abcd".index(config[f"c{i}"]) for i in range(4)]
        single = sum(parts[i, k[i]] for i in range(4))
        return float(single + sum(pairs[k[i], k[i + 1]] for i in range(3)))

    return loss


@pytest.mark.parametrize("seed", range(3))
def test_steepest_takes_the_brute_force_path(seed):
    loss = landscape(seed)
    driver = Driver(LocalSearch("steepest", 1), CUBE, seed=seed)
    driver.run(loss, 1, batch=1)
    path = [driver.asked[0].x[0]]
    while True:
        near, _ = neighbours(CUBE, path[-1])
        losses = [loss(config) for config in CUBE.decode(near)]
        if min(losses) >= loss(CUBE.decode(path[-1][None])[0]):
            break
        path.append(near[np.argmin(losses)])
    while len(driver.state.walk) == 0 or len(driver.state.walk) < len(path):
        assert driver.ask(5)
        driver.tell(loss)
    stood = driver.state.archive.x[driver.state.walk[: len(path)]]
    np.testing.assert_array_equal(stood, path)


@pytest.mark.parametrize("improvement", ["first", "steepest"])
def test_a_walk_ends_where_no_neighbour_is_better_and_another_begins(improvement):
    loss = landscape(5)
    driver = Driver(LocalSearch(improvement, 1), CUBE)
    ended = []
    for _ in range(120):
        before = driver.state
        driver.ask(1)
        if len(before.walk) and not len(driver.state.walk):
            ended.append(before.archive.x[before.walk[-1]])
        driver.tell(loss)
    assert len(ended) >= 2
    for row in ended:
        near, _ = neighbours(CUBE, row)
        here = loss(CUBE.decode(row[None])[0])
        assert all(loss(config) >= here for config in CUBE.decode(near))


def test_first_improvement_moves_at_once():
    driver = Driver(LocalSearch("first", 1), CUBE)
    driver.run(lambda config: -len(driver.asked), 6, batch=1)  # each better
    np.testing.assert_array_equal(driver.state.walk, np.arange(6))


def test_a_plateau_is_walked_over():
    driver = Driver(LocalSearch("first", 1), CUBE).run(lambda config: 1.0, 12, batch=1)
    assert len(driver.state.walk) == 1
    driver.run(lambda config: 1.0, 13, batch=1)  # all of the 12 neighbours are known
    assert len(driver.state.walk) == 2
    first, second = driver.state.archive.x[driver.state.walk]
    assert (first != second).sum() == 1


def test_a_configuration_that_is_told_is_moved_to():
    driver = Driver(LocalSearch("first", 1), CUBE).run(lambda config: 1.0, 3, batch=1)
    best = CUBE.encode([{f"c{i}": "b" for i in range(4)}])
    if best[0].tobytes() in {row.x.tobytes() for row in driver.asked}:
        best = CUBE.encode([{f"c{i}": "c" for i in range(4)}])
    one = np.ones(1)
    told = Outcome(best, np.array([99]), np.array([-1]), one, -one, one)
    driver.state = driver.proposer.tell(driver.state, told)
    driver.ask(4)
    asked = np.concatenate([row.x for row in driver.asked[-4:]])
    np.testing.assert_array_equal((asked != best).sum(1), 1)


def test_a_large_batch_goes_on_with_the_next_best():
    driver = Driver(LocalSearch("first", 5), CUBE).run(landscape(1), 5, batch=5)
    assert driver.ask(60) == 60
    here = driver.state.archive.x[driver.state.walk[-1]]
    away = np.array([(row.x[0] != here).sum() for row in driver.asked[5:]])
    assert (away[:12] <= 1).sum() >= 8  # its own neighbours come first
    assert (away > 1).any()


@pytest.mark.slow
@pytest.mark.parametrize("problem", [BRANIN, HARTMANN6, RECIPE], ids=lambda p: p.name)
def test_local_search_beats_random(problem):
    check_beats_random(LocalSearch(), problem, seeds=30)


def test_errors_say_the_rule():
    with pytest.raises(InvalidInput, match="improvement"):
        LocalSearch("best")  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="starts"):
        LocalSearch(starts=0)
