"""Functions: declared optima are optima, fronts have their volume, noise is normal."""

import numpy as np
import pytest
from scipy.optimize import differential_evolution, minimize

import thalweg as tw
from thalweg.benchmarks import FUNCTIONS, Function, functions, noisy
from thalweg.core.errors import InvalidInput
from thalweg.spaces import Float
from thalweg.surrogates.pareto import hypervolume, nondominated

SINGLE = [n for n in FUNCTIONS if FUNCTIONS[n]().objectives == 1]
SEVERAL = [name for name in FUNCTIONS if name not in SINGLE]
RESIZED = {
    "ackley2": lambda: functions.ackley(2, bounds=(-5, 10)),
    "michalewicz10": lambda: functions.michalewicz(10),
    "mixed_ackley7": lambda: functions.mixed_ackley(5, 2),
    "rosenbrock2": lambda: functions.rosenbrock(2),
}


def penalised(function: Function, u: np.ndarray) -> np.ndarray:
    """Losses at rows of the cube; far above all others where infeasible."""
    found = function.evaluate(np.clip(u, 0, 1))
    broken = np.maximum(found.constraints, 0).sum(1)
    return np.where(broken > 0, 1e6 * (1 + broken), found.losses[:, 0])


@pytest.mark.parametrize("name", SINGLE + list(RESIZED))
def test_the_declared_optimum_has_the_declared_value(name: str):
    function = RESIZED[name]() if name in RESIZED else FUNCTIONS[name]()
    found = function.evaluate([function.best])
    assert found.losses[0, 0] == pytest.approx(function.minimum, abs=1e-6)
    assert (found.constraints <= 0).all()
    assert function(function.best) == found.losses[0, 0]
    assert function.regret(function.minimum) == 0
    assert function.unit > 0


@pytest.mark.parametrize("name", SINGLE + list(RESIZED))
def test_nothing_is_better_than_the_declared_optimum(name: str):
    function = RESIZED[name]() if name in RESIZED else FUNCTIONS[name]()
    d = function.space.dim
    assert np.nanmin(function.population()) >= function.minimum - 1e-9
    found = differential_evolution(
        lambda u: penalised(function, u.T),
        [(0, 1)] * d,
        maxiter=60 if d < 12 else 5,
        popsize=60 // d + 2,
        vectorized=True,
        updating="deferred",
        polish=False,
        rng=0,
    )
    assert found.fun >= function.minimum - 1e-6
    near = function.space.encode([function.best])[0]
    if all(isinstance(p, Float) for p in function.space.parameters.values()):
        polished = minimize(
            lambda u: penalised(function, u[None])[0], near, method="Nelder-Mead"
        )
        assert polished.fun >= function.minimum - 1e-6


def test_differential_evolution_would_find_a_better_point():
    """The check above can fail: with a wrong declaration it does."""
    function = functions.branin()
    found = differential_evolution(
        lambda u: penalised(function, u.T),
        [(0, 1)] * 2,
        vectorized=True,
        updating="deferred",
        rng=0,
    )
    assert found.fun < function.minimum + 1e-6


FRONTS = {
    "zdt1": lambda t: np.pad(t, ((0, 0), (0, 5))),
    "zdt2": lambda t: np.pad(t, ((0, 0), (0, 5))),
    "zdt3": lambda t: np.pad(t, ((0, 0), (0, 5))),
    "dtlz2": lambda t: np.pad(t, ((0, 0), (0, 5)), constant_values=0.5),
}


def near_the_front(function: Function) -> np.ndarray:
    """Points of the unit square that nobody dominates, refined a few times."""
    rng = np.random.default_rng(0)
    x = rng.random((4000, 2))
    for spread in (0.1, 0.03, 0.01, 0.003, 0.001):
        x = x[nondominated(function.evaluate(x).losses)]
        near = x[rng.integers(len(x), size=4000)]
        near = near + spread * rng.standard_normal(near.shape)
        x = np.clip(np.concatenate([x, near]), 0, 1)
    return x


@pytest.mark.parametrize("name", SEVERAL)
def test_fronts_have_the_declared_volume(name: str):
    function = FUNCTIONS[name]()
    if name in FRONTS:
        x = FRONTS[name](np.linspace(0, 1, 20_001)[:, None])
    else:
        x = near_the_front(function)
    losses = function.evaluate(x).losses
    assert function.reference is not None
    volume = hypervolume(losses, function.reference)
    assert volume <= function.volume + 1e-6
    assert volume == pytest.approx(function.volume, rel=1e-3)
    assert 0 <= function.shortfall(losses) < 1e-3
    some = function.evaluate(
        np.random.default_rng(0).random((2000, function.space.dim))
    )
    assert hypervolume(some.losses, function.reference) < function.volume
    assert len(function(function.space.decode(x[:1])[0])) == 2


def test_three_objectives_on_the_sphere():
    function = functions.dtlz2(5, 3)
    rng = np.random.default_rng(0)
    x = np.full((1000, 5), 0.5)
    x[:, :2] = rng.random((1000, 2))
    radius = (function.evaluate(x).losses ** 2).sum(1)
    np.testing.assert_allclose(radius, 1)


def test_noise_comes_with_a_seed_only_and_is_normal():
    function = noisy(functions.hartmann6(), 0.5)
    x = np.full((20_000, 6), 0.3)
    clean = function.evaluate(x).losses[:, 0]
    assert (clean == clean[0]).all()
    error = function.evaluate(x, seed=1).losses[:, 0] - clean
    assert abs(error.mean()) < 4 * 0.5 / len(x) ** 0.5
    assert abs(error.std() / 0.5 - 1) < 4 / (2 * len(x)) ** 0.5
    again = function.evaluate(x, seed=1).losses[:, 0] - clean
    np.testing.assert_array_equal(error, again)
    assert function.minimum == functions.hartmann6().minimum
    assert function.noisy
    assert not functions.hartmann6().noisy


def test_a_study_searches_a_function():
    function = functions.gramacy()
    found = function.evaluate([{"x0": 0.0, "x1": 0.0}, {"x0": 0.9, "x1": 0.9}])
    assert (found.constraints > 0).any(1).tolist() == [True, True]
    recipe = functions.recipe()
    study = tw.Study(recipe.space, proposer="random", seed=0)
    study.optimize(recipe, n_trials=20)
    assert 0 < recipe.regret(study.best_loss) < 10


def test_bad_arguments_are_refused():
    with pytest.raises(InvalidInput, match="1 to 10"):
        functions.michalewicz(11)
    with pytest.raises(InvalidInput, match="noise"):
        noisy(functions.branin(), -1)
    with pytest.raises(InvalidInput, match="no volume"):
        functions.branin().shortfall(np.zeros((1, 1)))
    with pytest.raises(InvalidInput, match="x9"):
        functions.ackley(2).evaluate([{"x0": 0.0, "x9": 0.0}])
