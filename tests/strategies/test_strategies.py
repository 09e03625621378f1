"""What each strategy reaches, what it does not see, and what it refuses."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from thalweg.core.errors import InvalidInput, UnknownName
from thalweg.strategies import (
    CMAES,
    STRATEGIES,
    EvolutionStrategy,
    Genetic,
    RandomSearch,
    SepCMAES,
)

SEEDS = 16


def sphere(x):
    return jnp.sum(x**2)


def rosenbrock(x):
    return jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def rastrigin(x):
    return jnp.sum(10 + x**2 - 10 * jnp.cos(2 * jnp.pi * x))


@eqx.filter_jit
def search(strategy, loss, starts, generations, turn=None):
    """Points after the generations, from each start; a matrix may turn the space."""
    turn = jnp.eye(starts.shape[1]) if turn is None else turn

    def one(start, seed):
        def body(i, state):
            x = strategy.ask(state, key=jr.fold_in(jr.key(seed), i))
            return strategy.tell(state, x, jax.vmap(loss)(x @ turn))

        state = strategy.init(start, key=jr.key(seed))
        state = jax.lax.fori_loop(0, generations, body, state)
        return strategy.point(state), loss(strategy.point(state) @ turn)

    return jax.vmap(one)(starts, jnp.arange(len(starts), dtype=jnp.uint32))


# log10 of the loss, its mean over seeds, after so many evaluations; from 2 ± 1
REACHED = [
    (RandomSearch(1.0), sphere, 5, 3000, -8),
    (RandomSearch(1.0), rosenbrock, 2, 3000, -1),
    (Genetic(1.0), sphere, 5, 6000, -6),
    (Genetic(3.0, population=150), rastrigin, 2, 15000, -1),
    (CMAES(1.0), sphere, 5, 3000, -10),
    (CMAES(1.0), rosenbrock, 5, 6000, -4),
    (CMAES(2.0, population=60), rastrigin, 3, 10000, -3),
    (SepCMAES(1.0), sphere, 20, 6000, -8),
    (SepCMAES(1.0), rosenbrock, 2, 6000, -1),
    (EvolutionStrategy(0.5, decay=0.98), sphere, 10, 20000, -4),
]


@pytest.mark.slow
@pytest.mark.parametrize(("strategy", "loss", "dim", "budget", "target"), REACHED)
def test_converges(strategy, loss, dim, budget, target):
    starts = 2 + np.random.default_rng(0).normal(size=(SEEDS, dim)).astype(np.float32)
    generations = np.int32(budget // strategy.size(dim))
    reached = np.log10(
        np.maximum(search(strategy, loss, starts, generations)[1], 1e-20)
    )
    error = reached.std(ddof=1) / np.sqrt(SEEDS)
    assert reached.mean() + 3 * error < target


@pytest.mark.usefixtures("x64")
def test_cmaes_sees_no_choice_of_coordinates():
    """The same losses in turned coordinates: candidates turned, all else the same.

    The noise is not turned with them, so that the comparison is by distribution: the
    gain of a rotated ellipsoid must lie within 4 standard errors of the plain one's.
    """
    turn = jnp.linalg.qr(jr.normal(jr.key(1), (6, 6)))[0]

    def ellipsoid(x):
        return jnp.sum(10.0 ** jnp.linspace(0, 4, x.size) * x**2)

    starts = np.random.default_rng(0).normal(size=(32, 6))
    plain = search(CMAES(1.0), ellipsoid, starts, np.int32(150), jnp.eye(6))[1]
    turned = search(CMAES(1.0), ellipsoid, starts, np.int32(150), turn)[1]
    gap = np.log(np.asarray(plain)) - np.log(np.asarray(turned))
    assert np.abs(gap.mean()) < 4 * gap.std(ddof=1) / np.sqrt(len(gap))
    separable = search(SepCMAES(1.0), ellipsoid, starts, np.int32(150), turn)[1]
    lost = np.log(np.asarray(separable)) - np.log(np.asarray(turned))
    assert lost.mean() > 4 * lost.std(ddof=1) / np.sqrt(len(lost))


@pytest.mark.usefixtures("x64")
def test_cmaes_candidates_have_its_covariance():
    strategy = CMAES(0.5, population=4000)
    state = strategy.init(jnp.ones(3), key=jr.key(0))
    root = jnp.array([[1.0, 0.3, 0.0], [0.3, 2.0, -0.5], [0.0, -0.5, 0.7]])
    state = eqx.tree_at(lambda s: s.root, state, root)
    x = np.asarray(strategy.ask(state, key=jr.key(1)))
    expected = 0.25 * root @ root
    error = np.sqrt(
        (np.outer(np.diag(expected), np.diag(expected)) + expected**2) / 4e3
    )
    assert (np.abs(np.cov(x.T) - expected) < 5 * error).all()


def test_streamed_candidates_are_those_asked():
    strategy = EvolutionStrategy(0.2, population=6)
    state = strategy.init(jnp.linspace(-1.0, 1.0, 7), key=jr.key(0))
    for number in range(3):
        key = jr.key(number)
        x = strategy.ask(state, key=key)
        for i in range(6):
            one = strategy.candidate(state, jnp.asarray(i), key=key)
            np.testing.assert_allclose(one, x[i], 1e-6)
        np.testing.assert_allclose(x[::2] + x[1::2] - 2 * state.mean, 0, atol=1e-6)
        losses = jax.vmap(sphere)(x).at[3].set(jnp.nan)
        told = strategy.tell(state, x, losses)
        streamed = strategy.tell_losses(state, losses, key=key)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, 1e-4, 1e-6), told, streamed
        )
        state = told


@pytest.mark.usefixtures("x64")
def test_the_estimated_gradient_points_uphill():
    """Mean of many estimates for a linear loss: along the slope, nothing across."""
    strategy = EvolutionStrategy(0.1, population=40)
    slope = jnp.array([3.0, -4.0, 0.0])
    state = strategy.init(jnp.zeros(3), key=jr.key(0))

    def one(seed):
        key = jr.key(seed)
        losses = strategy.ask(state, key=key) @ slope
        return strategy.gradient(state, losses, key=key)

    found = np.asarray(jax.vmap(one)(jnp.arange(400)))
    mean, error = found.mean(0), found.std(0) / 20
    # centred ranks of normal losses: E[rank z] = 1 / (2 sqrt(pi)), ranks / (n - 1)
    length = 1 / (2 * np.sqrt(np.pi)) / 0.1 * 40 / 39
    expected = length * np.asarray(slope) / 5
    assert (np.abs(mean - expected) < 4 * error + 0.03 * length).all()
    np.testing.assert_allclose(
        strategy.gradient(state, jnp.ones(40), key=jr.key(0)), 0, atol=1e-12
    )


def test_a_plateau_leaves_random_search_its_step_size():
    strategy = RandomSearch(0.3)
    state = strategy.init(jnp.zeros(3), key=jr.key(0))
    told = strategy.tell(state, strategy.ask(state, key=jr.key(1)), jnp.ones(16))
    np.testing.assert_allclose(told.sigma, 0.3, 1e-6)
    worse = jnp.arange(16.0)
    shrunk = strategy.tell(state, strategy.ask(state, key=jr.key(1)), worse)
    grown = strategy.tell(state, strategy.ask(state, key=jr.key(1)), -worse)
    assert shrunk.sigma < 0.3 < grown.sigma
    np.testing.assert_array_equal(shrunk.point, state.point)


def test_noise_does_not_trap_what_evaluates_its_point_again():
    """One lucky loss of -100 for the start must not hold the search there."""
    for strategy in (RandomSearch(0.5), Genetic(0.5)):
        state = strategy.init(jnp.full(3, 2.0), key=jr.key(0))
        for i in range(40):
            x = strategy.ask(state, key=jr.key(i))
            losses = jax.vmap(sphere)(x)
            state = strategy.tell(
                state, x, losses.at[0].set(-100) if i == 0 else losses
            )
        assert sphere(strategy.point(state)) < 1.0
        assert strategy.best(state).loss == -100


def test_crossover_and_mutation_do_not_scatter_many_variables():
    """Without selection the spread is kept; 0.5 for alpha would grow it 30 times."""
    strategy = Genetic(1.0)
    state = strategy.init(jnp.zeros(500), key=jr.key(0))

    def body(i, state):
        x = strategy.ask(state, key=jr.fold_in(jr.key(1), i))
        return strategy.tell(state, x, jr.uniform(jr.fold_in(jr.key(2), i), (48,)))

    state = jax.jit(lambda s: jax.lax.fori_loop(0, 30, body, s))(state)
    assert 0.3 < jnp.mean(jnp.std(state.x, axis=0)) < 2


def test_generations_without_a_finite_loss_bring_cmaes_nearer():
    for strategy in (CMAES(4.0), SepCMAES(4.0)):
        state = strategy.init(jnp.zeros(3), key=jr.key(0))
        x = strategy.ask(state, key=jr.key(1))
        failed = strategy.tell(state, x, jnp.full(len(x), jnp.nan))
        assert failed.paths.sigma == 2.0
        np.testing.assert_array_equal(failed.mean, state.mean)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: CMAES(0.0), "`sigma` must lie"),
        (lambda: CMAES("large"), "`sigma` must be a number"),
        (lambda: CMAES(population=3), "at least 4, but got 3"),
        (lambda: SepCMAES(population=2.5), "whole number"),
        (lambda: Genetic(elite=48), "`population` must be"),
        (lambda: Genetic(crossover="blnd"), "Did you mean 'blend'"),
        (lambda: Genetic(rate=2.0), "`rate` must lie"),
        (lambda: RandomSearch(population=True), "whole number"),
        (lambda: EvolutionStrategy(population=7), "even"),
        (lambda: STRATEGIES["cma-es"], "Did you mean 'cmaes'"),
        (lambda: CMAES().init(jnp.zeros(2001), key=jr.key(0)), "at most 2000"),
        (lambda: CMAES().init(jnp.zeros((2, 2)), key=jr.key(0)), "Flatten"),
        (lambda: RandomSearch().init(jnp.zeros(0), key=jr.key(0)), "Flatten"),
    ],
)
def test_refusals(make, words):
    with pytest.raises(InvalidInput, match=words):
        make()
    assert issubclass(UnknownName, InvalidInput)
