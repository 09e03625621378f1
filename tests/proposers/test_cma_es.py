"""CMA-ES: the update against our compiled one, the margin, restarts, quality."""

import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from scipy.stats import norm

from thalweg import strategies
from thalweg.core.errors import InvalidInput
from thalweg.proposers import CMAES
from thalweg.proposers.normal import Distribution, _cell, _with_margin
from thalweg.spaces import Choice, Float, Int, Ordinal, Space
from thalweg.testing.problems import BRANIN, HARTMANN6, RECIPE, Synthetic
from thalweg.testing.proposers import Driver, check_beats_random

CUBE = Space({f"x{i}": Float(0, 1) for i in range(4)})
WHOLE = Space({"x": Float(0, 1), "n": Int(0, 9), "l": Int(1, 50, log=True)})


def ellipsoid(x):
    return ((x - 0.45) ** 2 * np.array([1, 10, 100, 1000])).sum(1)


@pytest.mark.usefixtures("x64")
def test_the_update_is_that_of_the_strategy():
    """Held to `strategies.CMAES`, which is held to two other libraries."""
    compiled = strategies.CMAES(0.02, population=10)
    state = compiled.init(jnp.full(4, 0.5, jnp.float64), key=jr.key(0))
    ours = Distribution.around(CUBE, np.full(4, 0.5), 0.02)
    for step in range(12):
        x = compiled.ask(state, key=jr.key(step))
        losses = ellipsoid(np.asarray(x))
        state = compiled.tell(state, x, jnp.asarray(losses))
        ours = ours.moved(CUBE, np.asarray(x)[np.argsort(losses)])
        np.testing.assert_allclose(ours.mean, state.mean, rtol=1e-9)
        np.testing.assert_allclose(ours.sigma, state.paths.sigma, rtol=1e-9)
        np.testing.assert_allclose(ours.covariance, state.covariance, rtol=1e-7)


@pytest.mark.parametrize("sigma", [1e-6, 1e-3, 0.3])
@pytest.mark.parametrize("where", [0.01, 0.47, 0.52, 0.99])
def test_discrete_numbers_keep_leaving_their_values(sigma, where):
    start = Distribution.around(WHOLE, np.full(3, where), sigma)
    new = _with_margin(start, WHOLE, 8)
    alpha = 1 / (8 * 3)
    for j in (1, 2):
        low, high = _cell(WHOLE, j, where)
        deviation = new.sigma * new.scale[j]
        down = norm.cdf(low, new.mean[j], deviation) if low > 1e-9 else 0.0
        up = norm.sf(high, new.mean[j], deviation) if high < 1 - 1e-9 else 0.0
        assert down + up > 0.9 * alpha
        assert _cell(WHOLE, j, new.mean[j]) == (low, high)
    assert new.mean[0] == where
    assert new.scale[0] == 1
    if sigma == 0.3:
        np.testing.assert_allclose(new.mean[:2], start.mean[:2])
        np.testing.assert_allclose(new.scale[:2], start.scale[:2])


def test_shares_of_choices_are_learned_and_never_vanish():
    space = Space({"c": Choice(list("abcde")), "d": Choice([True, False])})
    driver = Driver(CMAES(population=6), space)

    now = Distribution.around(space, np.full(2, 0.5), 0.3)
    good = np.repeat(space.encode([{"c": "d", "d": False}]), 8, axis=0)
    for _ in range(30):
        now = now.moved(space, good)
    np.testing.assert_allclose(now.shares.sum(1), 1)
    assert now.shares[0].argmax() == 3
    assert now.shares[1].argmax() == 1
    assert now.shares[0].min() > 0.01
    assert now.shares[1, :2].min() > 0.05
    assert (now.shares[1, 2:] == 0).all()
    x = now.sample(space, 2000, np.random.default_rng(0))
    counts = np.bincount((x[:, 0] * 5).astype(int), minlength=5)
    error = np.sqrt(2000 * now.shares[0] * (1 - now.shares[0]))
    assert (np.abs(counts - 2000 * now.shares[0]) < 5 * error).all()
    assert driver.ask(10) == 10


def test_a_run_that_learns_nothing_is_followed_by_a_larger_one():
    space = Space({"x": Float(0, 1)})
    driver = Driver(CMAES(population=4, restarts="ipop"), space)
    driver.run(lambda config: 1.0, 400, batch=20)
    assert driver.state.run >= 1
    assert driver.state.size == 4 * 2**driver.state.run
    driver = Driver(CMAES(population=4, restarts="none"), space)
    driver.run(lambda config: 1.0, 400, batch=20)
    assert driver.state.run == 0


def test_each_larger_run_has_generations_twice_as_large():
    proposer = CMAES(population=4, restarts="ipop")
    state, sizes = proposer.init(CUBE, key=jr.key(0)), []
    for _ in range(3):
        state = proposer._restarted(state)
        sizes.append(int(state.size))
    assert sizes == [8, 16, 32]


def test_bipop_spends_alike_on_both_kinds_of_runs():
    space = Space({"x": Float(0, 1)})
    driver = Driver(CMAES(population=4), space)
    driver.run(lambda config: 1.0, 3000, batch=4)
    large, small = driver.state.spent
    assert driver.state.run >= 4
    assert 0.2 * large < small < 2 * large


def test_a_batch_is_one_generation():
    driver = Driver(CMAES(population=6), CUBE)
    driver.ask(50)
    driver.tell(sum_of_squares, count=49)
    assert driver.state.now.generation == 0
    driver.tell(sum_of_squares)
    assert driver.state.now.generation == 1
    driver.run(sum_of_squares, 50 + 12, batch=3)
    assert driver.state.now.generation == 3


def sum_of_squares(config):
    return sum((value - 0.3) ** 2 for value in config.values())


def test_late_outcomes_of_an_earlier_run_move_nothing():
    driver = Driver(CMAES(population=4), CUBE)
    driver.ask(3)
    driver.state = driver.proposer._restarted(driver.state)
    driver.tell(sum_of_squares)
    assert len(driver.state.place) == 0
    assert len(driver.state.archive) == 3


@pytest.mark.slow
def test_it_reaches_the_bottom_of_a_bent_valley():
    """Rosenbrock's function of 4 dimensions, median of 5 runs of 1,500."""

    def rosenbrock(config):
        x = 4 * np.array(list(config.values())) - 2
        return float((100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum())

    found = [
        Driver(CMAES(restarts="none"), CUBE, seed=s)
        .run(rosenbrock, 1500, batch=8)
        .losses.min()
        for s in range(5)
    ]
    assert np.median(found) < 1e-4


@pytest.mark.slow
def test_whole_numbers_do_not_freeze():
    """A sphere of 3 reals and 5 whole numbers: the margin lets all be found."""
    space = Space(
        {f"x{i}": Float(-10, 10) for i in range(3)}
        | {f"n{i}": Int(-10, 10) for i in range(5)}
    )

    def loss(config):
        return sum((value - 3) ** 2 for value in config.values())

    for seed in range(3):
        driver = Driver(CMAES(restarts="none"), space, seed=seed)
        assert driver.run(loss, 1500, batch=10).losses.min() < 1e-2


ORDERED = Synthetic(
    "ordered",
    Space({f"o{i}": Ordinal(list(range(12))) for i in range(6)}),
    lambda config: float(sum((v - 8) ** 2 for v in config.values())),
    minimum=0.0,
    best={f"o{i}": 8 for i in range(6)},
)


@pytest.mark.slow
@pytest.mark.parametrize(
    "problem",
    [pytest.param(BRANIN, marks=pytest.mark.exhaustive), HARTMANN6, RECIPE, ORDERED],
    ids=lambda p: p.name,
)
def test_cma_es_beats_random(problem):
    check_beats_random(CMAES(), problem, seeds=20, evaluations=150)


def test_errors_say_the_rule():
    with pytest.raises(InvalidInput, match="population"):
        CMAES(population=3)
    with pytest.raises(InvalidInput, match="restarts"):
        CMAES(restarts="often")  # type: ignore[arg-type]
