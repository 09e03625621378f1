"""The process and the acquisition of Bayesian optimization, and what it buys."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from scipy.stats import norm

from thalweg.core.errors import InvalidInput
from thalweg.strategies import CMAES, Bayesian
from thalweg.strategies.bayesian import Observed, Posterior, fitted, log_h, observed
from thalweg.surrogates.acquisition import log_h as exact_log_h


@pytest.mark.usefixtures("x64")
def test_the_acquisition_is_exact_far_out():
    z = np.concatenate([np.linspace(-49, 8, 400), [-1e3, -60.0]])
    np.testing.assert_allclose(log_h(jnp.asarray(z)), exact_log_h(z), 2e-3, 1e-8)
    near = z[z > -20]
    np.testing.assert_allclose(log_h(jnp.asarray(near)), exact_log_h(near), 1e-6)


@pytest.mark.usefixtures("x64")
def test_rows_that_are_masked_say_nothing():
    """The process on 7 of 12 rows is the one of the 7 alone, solved by NumPy."""
    random = np.random.default_rng(0)
    z, score = random.normal(size=(12, 3)), random.normal(size=12)
    mask = np.arange(12) % 5 < 3
    score = np.where(mask, score, 0.0)
    data = Observed(jnp.asarray(z), jnp.asarray(score), jnp.asarray(mask))
    setting = fitted(data)
    few = Observed(data.z[mask], data.score[mask], data.mask[mask])
    assert setting == fitted(few)
    points = jnp.asarray(random.normal(size=(5, 3)))
    got = Posterior.of(data, jnp.asarray(9)).predict(points)
    alone = Posterior.of(few, jnp.asarray(9)).predict(points)
    np.testing.assert_allclose(got, alone, 1e-8)

    length, noise = 0.5 * np.sqrt(3), 1e-2  # the ninth of the grid

    def kernel(a, b):
        r = np.sqrt(5 * ((a[:, None] - b) ** 2).sum(-1)) / length
        return (1 + r + r**2 / 3) * np.exp(-r)

    inverse = np.linalg.inv(kernel(z[mask], z[mask]) + noise * np.eye(mask.sum()))
    mean = inverse.sum(0) @ score[mask] / inverse.sum()
    cross = kernel(z[mask], np.asarray(points))
    np.testing.assert_allclose(
        got[0], mean + cross.T @ inverse @ (score[mask] - mean), 1e-5
    )
    variance = 1 - np.einsum("ik,ij,jk->k", cross, inverse, cross)
    np.testing.assert_allclose(got[1] ** 2, variance, 1e-4)


def test_losses_enter_by_their_ranks():
    strategy = Bayesian(population=4, memory=8)
    state = strategy.init(jnp.zeros(2), key=jr.key(0))
    x = jnp.arange(8.0).reshape(4, 2)
    state = strategy.tell(state, x, jnp.array([3.0, jnp.nan, -1e30, 3.0]))
    scores = sorted(np.asarray(observed(state).score)[np.asarray(state.told) >= 0])
    expected = norm.ppf([0.125, 0.5, 0.5, 0.875])
    np.testing.assert_allclose(scores, expected, 1e-5, 1e-6)


def test_the_oldest_rows_make_room_and_the_best_stays():
    strategy = Bayesian(population=4, memory=8)
    state = strategy.init(jnp.zeros(2), key=jr.key(0))
    tell = jax.jit(lambda s, x, y: strategy.tell(s, x, y))
    for number in range(5):
        x = jnp.full((4, 2), 1.0 * number) + jnp.arange(4.0)[:, None] / 10
        losses = jnp.arange(4.0) + (-9 if number == 0 else 1)
        state = tell(state, x, losses)
    told = sorted(np.asarray(state.told).tolist())
    assert told == [0, 13, 14, 15, 16, 17, 18, 19]
    assert np.min(state.losses) == -9


@pytest.mark.slow
def test_few_evaluations_go_further_than_those_of_cmaes():
    def loss(x):
        return jnp.sum((x - 1) ** 2)

    def reached(strategy, seed):
        def body(i, state):
            x = strategy.ask(state, key=jr.fold_in(jr.key(seed), i))
            return strategy.tell(state, x, jax.vmap(loss)(x))

        state = strategy.init(jnp.zeros(5), key=jr.key(seed))
        state = jax.lax.fori_loop(0, 120 // strategy.size(5), body, state)
        return jnp.log(strategy.best(state).loss)

    def many(strategy):
        found = jax.jit(jax.vmap(lambda seed: reached(strategy, seed)))
        return np.asarray(found(jnp.arange(8, dtype=jnp.uint32)))

    gain = many(CMAES(0.5)) - many(Bayesian(0.5))
    assert gain.mean() > 4 * gain.std(ddof=1) / np.sqrt(len(gain))


def test_refusals():
    with pytest.raises(InvalidInput, match="at most 200 variables"):
        Bayesian().init(jnp.zeros(201), key=jr.key(0))
    with pytest.raises(InvalidInput, match="`memory` must be"):
        Bayesian(memory=4)
