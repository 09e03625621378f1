"""Ours among optax's, and optax's among ours."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import thalweg as tw
from thalweg.core.errors import InvalidInput
from thalweg.optimizers import SGD, AdamW, as_optax, decay_only, from_optax
from thalweg.schedules import Exponential

PARAMS = {"kernel": jnp.array([[1.0, -2.0]]), "bias": jnp.array([0.5])}
GRADS = jax.tree.map(lambda p: jnp.cos(p), PARAMS)


def after(tx, steps=4):
    params, state = PARAMS, tx.init(PARAMS)
    for _ in range(steps):
        updates, state = tx.update(GRADS, state, params)
        params = optax.apply_updates(params, updates)
    return params


def same(got, expected):
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), got, expected
    )


def test_ours_in_a_chain_of_optax():
    ours = AdamW(Exponential(0.1, steps=3), weight_decay=0.2)
    tx = optax.chain(optax.clip_by_global_norm(0.5), as_optax(ours))
    rate = optax.exponential_decay(0.1, 3, float(ours.learning_rate.factor))
    theirs = optax.chain(
        optax.clip_by_global_norm(0.5), optax.adamw(rate, weight_decay=0.2)
    )
    same(after(tx), after(theirs))


def test_there_and_back():
    optimizer = decay_only(AdamW(0.1, weight_decay=0.3))
    same(after(from_optax(as_optax(optimizer))), after(optimizer))


def test_a_training_takes_one_of_optax():
    X = np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32)
    data = X, X @ np.array([1.0, -1.0, 0.5], np.float32)
    settings = {"epochs": 2, "batch_size": 16, "seed": 0}
    network = tw.networks.MLP(hidden=[4])
    theirs = from_optax(optax.sgd(0.1))
    _, theirs = tw.train(network, data, optimizer=theirs, **settings)
    _, ours = tw.train(network, data, optimizer=SGD(0.1), **settings)
    np.testing.assert_allclose(theirs["loss"], ours["loss"], rtol=1e-5)


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda: from_optax(SGD), "gradient transformation"),
        (lambda: as_optax(optax.sgd(0.1)), "one of our optimizers"),
        (lambda: as_optax(SGD()).update(PARAMS, SGD().init(PARAMS)), "the parameters"),
    ],
)
def test_errors_say_what_is_missing(act, words):
    with pytest.raises(InvalidInput, match=words):
        act()
