"""Ours inside Keras' `compile` and `fit`, on its JAX backend."""

import os

os.environ["KERAS_BACKEND"] = "jax"

import json

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

from thalweg.core.errors import InvalidInput
from thalweg.optimizers import (
    OPTIMIZERS,
    SAM,
    SGD,
    Adam,
    AdamW,
    ClipByGlobalNorm,
    ExponentialAverage,
    Groups,
    Muon,
    OneOf,
    ReduceOnPlateau,
    ScheduleFreeAdamW,
    as_keras,
    chain,
    decay_only,
    from_optax,
    partition,
)
from thalweg.optimizers.config import as_config, from_config
from thalweg.schedules import Constant, Joined, Linear, Piecewise

# Keras' own, whatever the optimizer, when it saves with a recent NumPy
SAVES = pytest.mark.filterwarnings("ignore:__array__ implementation")
X = np.random.default_rng(0).normal(size=(32, 3)).astype(np.float32)
Y = X @ np.array([[1.0], [-1.0], [0.5]], np.float32)
FIT = {"x": X, "y": Y, "batch_size": 16, "shuffle": False, "verbose": 0}
EVERYTHING = chain(
    ClipByGlobalNorm(0.5),
    decay_only(AdamW(Linear(0.1, 12), weight_decay=0.1)),
)


def made(optimizer):
    """A small model with the same weights every time."""
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(4, activation="tanh"), keras.layers.Dense(1)]
    model = keras.Sequential([keras.Input((3,)), *layers])
    model.compile(optimizer=optimizer, loss="mse")
    return model


def weights(model):
    return [np.asarray(w.value) for w in model.trainable_variables]


def assert_same(got, expected, rtol=1e-6):
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol)


def by_hand(optimizer, model, steps):
    """What the fit does, in plain JAX; kernels and biases by layer."""
    one, bias, two, offset = map(jnp.asarray, weights(model))
    params = {
        "sequential": {
            "dense": {"kernel": one, "bias": bias},
            "dense_1": {"kernel": two, "bias": offset},
        }
    }

    def loss(params, x, y):
        first, second = params["sequential"].values()
        hidden = jnp.tanh(x @ first["kernel"] + first["bias"])
        return jnp.mean((hidden @ second["kernel"] + second["bias"] - y) ** 2)

    @jax.jit
    def step(params, state, x, y):
        updates, state = optimizer.update(jax.grad(loss)(params, x, y), state, params)
        return jax.tree.map(jnp.add, params, updates), state

    state = optimizer.init(params)
    for number in range(steps):
        part = slice(16 * (number % 2), 16 * (number % 2) + 16)
        params, state = step(params, state, X[part], Y[part])
    layers = optimizer.solution(params, state)["sequential"].values()
    return [leaf for layer in layers for leaf in (layer["kernel"], layer["bias"])]


@pytest.mark.parametrize(
    "optimizer",
    [
        EVERYTHING,
        Muon(Linear(0.1, 20)),
        ExponentialAverage(SGD(0.1), 0.5),  # whose solution is another
    ],
)
def test_a_fit_takes_our_steps(optimizer):
    model = made(as_keras(optimizer))
    expected = by_hand(optimizer, made("sgd"), 6)
    model.fit(**FIT, epochs=3)
    assert_same(weights(model), expected)
    assert model.optimizer.iterations.value == 6


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (
            lambda: Adam(0.05, eps=1e-7, epsilon_hat=True),
            lambda: keras.optimizers.Adam(0.05),
        ),
        (
            lambda: AdamW(0.05, eps=1e-7, epsilon_hat=True, weight_decay=0.1),
            lambda: keras.optimizers.AdamW(0.05, weight_decay=0.1),
        ),
    ],
)
def test_a_fit_takes_keras_steps(ours, theirs):
    ours, theirs = made(as_keras(ours())), made(theirs())
    for model in (ours, theirs):
        model.fit(**FIT, epochs=3)
    assert_same(weights(ours), weights(theirs), rtol=1e-5)


def test_it_is_stateless_where_keras_is():
    model = made(as_keras(EVERYTHING))
    optimizer, variables = model.optimizer, model.trainable_variables
    optimizer.build(variables)
    before = [v.value for v in optimizer.variables]
    values = [v.value for v in variables]
    step = jax.jit(optimizer.stateless_apply)
    new, state = step(before, values, values)
    assert not np.allclose(new[0], values[0])
    names = [v.name for v in optimizer.variables]
    assert state[names.index("count")] == 1
    assert optimizer.iterations.value == 0


def test_the_learning_rate_can_be_read():
    model = made(as_keras(EVERYTHING))
    assert model.optimizer.learning_rate == pytest.approx(0.1)
    model.fit(**FIT, epochs=3)
    assert model.optimizer.learning_rate == pytest.approx(0.05)
    assert model.optimizer.current()["ClipByGlobalNorm/limit"] == 0.5
    with pytest.raises(InvalidInput, match="follows a schedule"):
        model.optimizer.learning_rate = 0.1


@SAVES
def test_callbacks_may_set_it():
    def trained(optimizer):
        model = made(optimizer)
        schedule = keras.callbacks.LearningRateScheduler(
            lambda epoch: 0.1 / (epoch + 1)
        )
        model.fit(**FIT, epochs=3, callbacks=[schedule])
        assert float(model.optimizer.learning_rate) == pytest.approx(0.1 / 3)
        return weights(model)

    assert_same(trained(as_keras(SGD(7.0))), trained(keras.optimizers.SGD(7.0)), 1e-5)


@SAVES
def test_saved_weights_bring_the_state(tmp_path):
    whole, half = made(as_keras(EVERYTHING)), made(as_keras(EVERYTHING))
    whole.fit(**FIT, epochs=4)
    half.fit(**FIT, epochs=2)
    half.save_weights(tmp_path / "half.weights.h5")
    rest = made(as_keras(EVERYTHING))
    rest.optimizer.build(rest.trainable_variables)
    rest.load_weights(tmp_path / "half.weights.h5")
    rest.fit(**FIT, epochs=2)
    assert_same(weights(rest), weights(whole))


@SAVES
def test_a_saved_model_brings_its_optimizer(tmp_path):
    whole, half = made(as_keras(EVERYTHING)), made(as_keras(EVERYTHING))
    whole.fit(**FIT, epochs=4)
    half.fit(**FIT, epochs=2)
    half.save(tmp_path / "half.keras")
    rest = keras.models.load_model(tmp_path / "half.keras")
    rest.fit(**FIT, epochs=2)
    assert_same(weights(rest), weights(whole))


def test_paths_are_the_variables_own():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((2,), dtype="int32"),
            keras.layers.Embedding(5, 3, name="words"),
            keras.layers.Flatten(),
            keras.layers.Dense(1, name="last"),
        ],
        name="net",
    )
    rules = {"net/words/embedding": {"learning_rate": 0.0}}
    built = as_keras(Groups(Muon(0.1), rules))
    built.build(model.trainable_variables)
    before = weights(model)
    built.apply([jnp.ones_like(v.value) for v in model.trainable_variables])
    after = weights(model)
    same = [np.array_equal(a, b) for a, b in zip(before, after, strict=True)]
    assert same == [True, False, False]


def test_what_has_no_gradient_stays():
    model = made(as_keras(AdamW(0.1)))
    optimizer, variables = model.optimizer, model.trainable_variables
    optimizer.build(variables)
    before = weights(model)
    grads = [None, *(jnp.ones_like(v.value) for v in variables[1:])]
    with pytest.warns(UserWarning, match="Gradients do not exist"):
        optimizer.apply(grads)
    np.testing.assert_array_equal(weights(model)[0], before[0])
    assert not np.allclose(weights(model)[1], before[1])


CONFIGS = {name: kind() for name, kind in OPTIMIZERS.items()} | {
    "everything": EVERYTHING,
    "one of": OneOf([SGD(), ReduceOnPlateau(Adam())], 1),
    "parts": partition({"bias": Muon(), "*": ScheduleFreeAdamW()}),
    "schedules": SGD(Joined([Piecewise((1, 2), (3,)), Constant(2.0)], (7,))),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_config_is_the_optimizer_again(name):
    optimizer = CONFIGS[name]
    again = from_config(json.loads(json.dumps(as_config(optimizer))))
    assert jax.tree.structure(again) == jax.tree.structure(optimizer)
    for a, b in zip(jax.tree.leaves(again), jax.tree.leaves(optimizer), strict=True):
        np.testing.assert_array_equal(a, b)
        assert a.dtype == b.dtype


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda: as_keras("adam"), "takes one of our optimizers"),
        (lambda: as_keras(SAM(SGD())), "SAM evaluates the loss more than once"),
        (lambda: from_config({"kind": "os.path"}), "one of thalweg, but got os.path"),
        (
            lambda: as_keras(from_optax(__import__("optax").sgd(0.1))).get_config(),
            "can be saved",
        ),
    ],
)
def test_errors(act, words):
    with pytest.raises(InvalidInput, match=words):
        act()


@pytest.mark.parametrize("backend", ["tensorflow", None])
def test_another_backend_is_refused(monkeypatch, backend):
    if backend is None:
        monkeypatch.setitem(__import__("sys").modules, "keras", None)
    monkeypatch.setattr(keras.backend, "backend", lambda: backend)
    with pytest.raises(InvalidInput, match=f"but it is {backend or 'missing'}"):
        as_keras(SGD())
