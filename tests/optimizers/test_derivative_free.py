"""Training without gradients: strategies as optimizers."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thalweg import networks
from thalweg.core.errors import InvalidInput, UnknownName
from thalweg.optimizers import (
    SGD,
    Adam,
    ClipByGlobalNorm,
    DerivativeFree,
    Objective,
    chain,
    looks_further,
)
from thalweg.strategies import (
    CMAES,
    STRATEGIES,
    EvolutionStrategy,
    RandomSearch,
    SepCMAES,
)
from thalweg.training import train

PARAMS = {
    "kernel": np.array([[1.0, -2.0], [0.5, 3.0]], np.float32),
    "bias": np.zeros(2, np.float32),
    "gain": [np.full(3, 0.5, np.float32), None],
}


def bowl(params):
    return sum(
        jnp.sum((p.astype(jnp.float32) - 1) ** 2) for p in jax.tree.leaves(params)
    )


@eqx.filter_jit
def run(optimizer, loss, params, state, count):
    def body(carry, _):
        params, state = carry
        value, updates, state = optimizer.step(Objective.of(loss), state, params)
        return (jax.tree.map(jnp.add, params, updates), state), value

    return jax.lax.scan(body, (params, state), None, count)


def steps(optimizer, loss, params, count, state=None):
    """Values before each step, the parameters and the state after the last."""
    state = optimizer.init(params) if state is None else state
    (params, state), values = run(optimizer, loss, params, state, count)
    return np.asarray(values), params, state


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_every_strategy_descends_in_the_parameters_dtypes(name, dtype):
    params = jax.tree.map(lambda p: jnp.asarray(p, dtype), PARAMS)
    values, after, _ = steps(DerivativeFree(name), bowl, params, 60)
    np.testing.assert_allclose(values[0], bowl(params), 1e-5)
    assert bowl(after) < 0.5 * bowl(params)
    assert all(p.dtype == dtype for p in jax.tree.leaves(after))


def test_the_value_is_the_loss_at_the_parameters():
    for strategy in (CMAES(), RandomSearch(), EvolutionStrategy()):
        values, params, _ = steps(DerivativeFree(strategy), bowl, PARAMS, 5)
        again, _, _ = steps(DerivativeFree(strategy), bowl, PARAMS, 6)
        np.testing.assert_allclose(again[5], bowl(params), 1e-4)
        np.testing.assert_allclose(again[:5], values, 1e-6)


def test_steps_are_in_units_of_the_first_weights():
    """The first candidates differ by `sigma` times the root of the mean square."""
    seen = []

    def loss(params):
        jax.debug.callback(lambda p: seen.append(p), params)
        return bowl(params)

    optimizer = DerivativeFree(CMAES(0.1, population=200), width=1)
    state = optimizer.init(PARAMS)
    optimizer.step(Objective.of(loss), state, PARAMS)
    jax.effects_barrier()
    rms = np.sqrt(np.mean(PARAMS["kernel"] ** 2))
    everything = np.concatenate([np.ravel(p) for p in jax.tree.leaves(PARAMS)])
    unit = {"kernel": rms, "bias": np.sqrt(np.mean(everything**2)), "gain": 0.5}
    assert len(seen) == 201
    for name, expected in unit.items():
        spread = np.stack([jax.tree.leaves(p[name])[0] for p in seen]).std(0)
        np.testing.assert_allclose(spread, 0.1 * expected, rtol=0.25)


def test_a_subspace_is_searched_and_nothing_else():
    optimizer = DerivativeFree("cmaes", subspace=2)
    _, after, state = steps(optimizer, bowl, PARAMS, 40)
    flat = [np.ravel(p) for p in jax.tree.leaves(PARAMS)]
    scale = np.concatenate(
        [np.full(p.size, s) for p, s in zip(flat, state.scale, strict=True)]
    )
    moved = np.concatenate(
        [np.ravel(a) - b for a, b in zip(jax.tree.leaves(after), flat, strict=True)]
    )
    directions = np.stack(
        [state.subspace.sign * (state.subspace.place == i) for i in range(2)]
    )
    assert np.abs(directions).sum(1).tolist() == [5, 4]
    left = (
        moved / scale
        - directions.T @ np.linalg.lstsq(directions.T, moved / scale, rcond=None)[0]
    )
    np.testing.assert_allclose(left, 0, atol=1e-4)
    assert bowl(after) < bowl(PARAMS)
    full, _, _ = steps(DerivativeFree("cmaes", subspace=9), bowl, PARAMS, 60)
    assert full[-1] < 1e-2 * full[0]


def test_a_rule_moves_the_point_along_the_estimated_gradient():
    strategy = EvolutionStrategy(0.1)
    values, _, _ = steps(DerivativeFree(strategy, Adam(0.05)), bowl, PARAMS, 100)
    assert values[-1] < 0.1 * values[0]
    still, after, _ = steps(DerivativeFree(strategy, SGD(0.0)), bowl, PARAMS, 3)
    np.testing.assert_allclose(still, still[0], 1e-6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, 1e-6), after, PARAMS)


def test_generations_made_again_are_those_kept(monkeypatch):
    optimizer = DerivativeFree(EvolutionStrategy(0.1, population=8))
    kept, _, _ = steps(optimizer, bowl, PARAMS, 5)
    monkeypatch.setattr("thalweg.optimizers.derivative_free.IN_MEMORY", 0)
    again, _, _ = steps(optimizer, bowl, PARAMS, 5)
    np.testing.assert_allclose(again, kept, 1e-5)


def test_members_with_other_weights_draw_other_candidates():
    optimizer = DerivativeFree("random_search")
    flipped = jax.tree.map(lambda p: -p, PARAMS)
    words = {
        int(o.init(p).word)
        for o, p in (
            (optimizer, PARAMS),
            (optimizer, flipped),
            (DerivativeFree("random_search", seed=1), PARAMS),
        )
    }
    assert len(words) == 3
    close = jax.tree.map(lambda p: p * np.float32(1 + 1e-6), PARAMS)
    assert optimizer.init(close).word == optimizer.init(PARAMS).word


def test_a_population_is_one_by_one_and_resumes_exactly():
    optimizer = DerivativeFree("cmaes")
    starts = jax.tree.map(lambda p: jnp.stack([p, 2 * p - 1]), PARAMS)

    def alone(params):
        return run(optimizer, bowl, params, optimizer.init(params), 3)[0][0]

    together = eqx.filter_vmap(alone)(starts)
    for i in range(2):
        jax.tree.map(
            lambda a, b, i=i: np.testing.assert_allclose(a[i], b, 1e-3, 1e-5),
            together,
            alone(jax.tree.map(lambda p, i=i: p[i], starts)),
        )
    straight, _, _ = steps(optimizer, bowl, PARAMS, 6)
    first, params, state = steps(optimizer, bowl, PARAMS, 3)
    second, _, _ = steps(optimizer, bowl, params, 3, state)
    np.testing.assert_array_equal(np.concatenate([first, second]), straight)


def test_one_bad_batch_does_not_end_the_search():
    optimizer = DerivativeFree("cmaes")
    objective = Objective.of(lambda p: bowl(p) * jnp.nan)
    state = optimizer.init(PARAMS)
    value, updates, state = optimizer.step(objective, state, PARAMS)
    assert np.isnan(value)
    assert max(np.abs(u).max() for u in jax.tree.leaves(updates)) < 1e-6
    values, _, _ = steps(optimizer, bowl, PARAMS, 60, state)
    assert values[-1] < 0.1 * values[0]


def test_a_large_generation_takes_the_memory_of_a_few_candidates(monkeypatch):
    params = {"kernel": jax.ShapeDtypeStruct((300, 300), jnp.float32)}
    optimizer = DerivativeFree(EvolutionStrategy(population=256))
    state = jax.eval_shape(optimizer.init, params)

    def bytes_taken():
        step = jax.jit(lambda p, s: optimizer.step(Objective.of(bowl), s, p))
        compiled = step.lower(params, state).compile()
        return compiled.memory_analysis().temp_size_in_bytes

    assert bytes_taken() < 12 * 300 * 300 * 4
    monkeypatch.setattr("thalweg.optimizers.derivative_free.IN_MEMORY", 2**40)
    assert bytes_taken() > 256 * 300 * 300 * 4


def test_what_the_next_step_will_use():
    optimizer = DerivativeFree(EvolutionStrategy(0.25), Adam(0.125))
    now = optimizer.current(optimizer.init(PARAMS))
    assert now["EvolutionStrategy/sigma"] == 0.25
    assert now["learning_rate"] == 0.125


def test_refusals():
    with pytest.raises(UnknownName, match="Did you mean 'cmaes'"):
        DerivativeFree("cma_es")
    with pytest.raises(InvalidInput, match="`rule` needs a strategy that estimates"):
        DerivativeFree("cmaes", Adam())
    with pytest.raises(InvalidInput, match=r"`subspace` must lie in \[1, 9\]"):
        DerivativeFree("cmaes", subspace=10).init(PARAMS)
    optimizer = DerivativeFree("cmaes")
    with pytest.raises(InvalidInput, match="evaluates the loss at points of its own"):
        optimizer.update(PARAMS, optimizer.init(PARAMS), PARAMS)
    assert looks_further(chain(ClipByGlobalNorm(1.0), optimizer))


RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(400, 3)).astype(np.float32)
Y = X @ np.array([1.0, -2.0, 0.5], np.float32) + 0.3


def test_a_line_is_fitted_on_batches():
    def init(key):
        return {"kernel": jax.random.normal(key, (3, 1)), "bias": jnp.zeros(1)}

    model, history = train(
        (init, lambda params, x: x @ params["kernel"] + params["bias"]),
        (X, Y),
        optimizer=DerivativeFree(CMAES(0.5)),
        steps=300,
        batch_size=32,
        seed=0,
    )
    assert history["loss"][-1] < 1e-2
    assert model.status == "complete"
    assert model.evaluate(X, Y)["loss"] < 1e-2


@pytest.mark.slow
def test_a_network_of_step_functions_learns_where_gradients_vanish():
    def init(key):
        first, second = jax.random.split(key)
        return {
            "a": jax.random.normal(first, (4, 16)),
            "b": jax.random.normal(second, (16, 1)),
        }

    def apply(params, x):
        x = jnp.concatenate([x, jnp.ones((len(x), 1))], axis=1)
        return jnp.where(x @ params["a"] > 0, 1.0, 0.0) @ params["b"]

    y = (X[:, 0] * X[:, 1] > 0).astype(np.float32)
    options = {"loss": "mse", "steps": 300, "batch_size": 400, "validation": 0}
    _, searched = train(
        (init, apply), (X, y), optimizer=DerivativeFree("cmaes"), **options
    )
    _, adam = train((init, apply), (X, y), optimizer=Adam(0.01), **options)
    assert searched["loss"].min() < 0.6 * adam["loss"].min()


@pytest.mark.slow
@pytest.mark.parametrize(
    "optimizer",
    [
        DerivativeFree(EvolutionStrategy(0.1), Adam(0.01)),
        DerivativeFree(SepCMAES(0.05)),
        DerivativeFree(CMAES(0.3), subspace=50),
    ],
)
def test_a_hundred_thousand_weights(optimizer):
    """A generation is never in memory as a whole, and the loss falls."""
    y = (X[:, 0] * X[:, 1] > 0).astype(np.int32)
    _, history = train(
        networks.MLP(hidden=[310, 310]),
        (X, y),
        optimizer=optimizer,
        steps=10,
        batch_size=64,
        judge_every=5,
    )
    assert np.isfinite(history["loss"]).all()
    assert history["loss"][-1] < history["loss"][0]
