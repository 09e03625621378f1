"""The controller: its LSTM's gradient, what it writes, and that it learns."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from thalweg.core.errors import InvalidInput
from thalweg.proposers import Controller, Outcome, Random, controller
from thalweg.proposers.controller import _clipped, _rewards
from thalweg.proposers.lstm import (
    Weights,
    gradient,
    read,
    value_counts,
    write,
    written,
)
from thalweg.spaces import Choice, Float, Int, Ordinal, Space
from thalweg.testing.proposers import Driver, assert_lower

MIXED = Space(
    {
        "x": Float(0, 1).when("c", ["a"]),
        "c": Choice(list("abc")),
        "o": Ordinal([1, 2, 4, 8]),
        "n": Int(1, 500, log=True).when("o", [4, 8]),
    }
)
CELLS = Space({f"c{i}": Choice(list("abcd")) for i in range(5)})


def log_probability(weights, space, rows):
    """The same in JAX, row by row and written differently."""
    counts, values, active = (
        value_counts(space),
        written(space, rows),
        space.active(rows),
    )
    start, gates, embedding, head = weights
    width, logs, entropies = len(start), [], []
    for value, here in zip(values, active, strict=True):
        hidden = cell = jnp.zeros(width)
        log = entropy = 0.0
        x = start
        for j in space.parents_first:
            if not here[j]:
                continue
            z = gates @ jnp.concatenate([x, hidden, jnp.ones(1)])
            i, f, o, g = (z[k * width : (k + 1) * width] for k in range(4))
            cell = jax.nn.sigmoid(f) * cell + jax.nn.sigmoid(i) * jnp.tanh(g)
            hidden = jax.nn.sigmoid(o) * jnp.tanh(cell)
            logits = head[j] @ jnp.append(hidden, 1.0)
            logs_j = jax.nn.log_softmax(logits[: counts[j]])
            log += logs_j[value[j]]
            entropy -= jnp.sum(jnp.exp(logs_j) * logs_j)
            x = embedding[j, value[j]]
        logs.append(log)
        entropies.append(entropy)
    return jnp.stack(logs), jnp.stack(entropies)


@pytest.mark.usefixtures("x64")
def test_the_gradient_is_that_of_jax():
    rng = np.random.default_rng(0)
    rows = MIXED.canonical(rng.random((6, MIXED.dim)))
    assert not MIXED.active(rows).all()
    weights = Weights.random(value_counts(MIXED), 5, rng)
    gain = rng.normal(size=6)
    log, steps = read(weights, MIXED, rows)
    ours = gradient(weights, steps, gain, 0.3)

    def value(arrays):
        logs, entropies = log_probability(arrays, MIXED, rows)
        return jnp.mean(jnp.asarray(gain) * logs + 0.3 * entropies)

    arrays = jax.tree.leaves(weights)
    theirs = jax.grad(value)([jnp.asarray(a) for a in arrays])
    np.testing.assert_allclose(log, log_probability(arrays, MIXED, rows)[0], rtol=1e-9)
    for a, b in zip(jax.tree.leaves(ours), theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-12)


def test_rows_are_written_with_their_probability():
    space = Space({"a": Choice(["x", "y"]), "b": Ordinal([1, 2, 3]).when("a", ["y"])})
    rng = np.random.default_rng(1)
    weights = Weights.random(value_counts(space), 4, rng)
    weights.head[...] = rng.normal(size=weights.head.shape)
    rows = space.canonical(write(weights, space, 20_000, rng))
    distinct, counts = np.unique(rows, axis=0, return_counts=True)
    chances = np.exp(read(weights, space, distinct)[0])
    assert len(distinct) == 4
    np.testing.assert_allclose(chances.sum(), 1)
    error = np.sqrt(20_000 * chances * (1 - chances))
    assert (np.abs(counts - 20_000 * chances) < 5 * error).all()


def test_what_is_written_is_read():
    rng = np.random.default_rng(2)
    weights = Weights.random(value_counts(MIXED), 4, rng)
    rows = MIXED.canonical(write(weights, MIXED, 200, rng))
    values = written(MIXED, rows)
    assert (values < value_counts(MIXED)).all()
    assert len(np.unique(rows[:, 0])) > 12  # anywhere within a stretch


def test_the_reward_is_the_rank_and_ties_are_alike():
    proposer = Controller()
    losses = np.array([3.0, 1.0, np.nan, 1.0, 7.0])
    x, n = CELLS.canonical(np.random.default_rng(0).random((5, 5))), np.arange(5)
    state = proposer.tell(
        proposer.init(CELLS, key=jr.key(0)),
        Outcome(x, n, n * 0 - 1, np.ones(5), losses, np.ones(5)),
    )
    np.testing.assert_allclose(_rewards(state.archive, 5), [0.0, 0.75, -1, 0.75, -0.5])
    np.testing.assert_allclose(_rewards(state.archive, 2), [-1.0, 1.0])


def test_ppo_stops_where_the_ratio_has_gone_far():
    gain, log_ratio = np.array([1.0, 1, -1, -1]), np.log([1.1, 1.3, 0.9, 0.7])
    np.testing.assert_allclose(_clipped(gain, log_ratio), [1.1, 0, -0.9, 0])
    # what has gone the wrong way is brought back, however far it went
    np.testing.assert_allclose(_clipped(gain, -log_ratio)[[1, 3]], [1 / 1.3, -1 / 0.7])


def test_the_first_step_of_adam_is_the_learning_rate_long():
    proposer = Controller(batch=8, learning_rate=0.02)
    start = proposer.init(CELLS, key=jr.key(0))
    moved = proposer.tell(start, outcomes(8)).weights.head - start.weights.head
    assert np.abs(moved).max() == pytest.approx(0.02, rel=1e-3)


def test_rewards_are_compared_with_the_baseline_of_before(monkeypatch):
    gains = []

    def kept(weights, steps, worth, entropy):
        gains.append(worth)
        return gradient(weights, steps, worth, entropy)

    monkeypatch.setattr(controller, "gradient", kept)
    proposer, told = Controller(batch=8), outcomes(16)
    told.losses[8:] -= 10
    state = proposer.tell(proposer.init(CELLS, key=jr.key(0)), told)
    rewards = _rewards(state.archive, 16)[8:]  # those of the first batch have mean 0
    np.testing.assert_allclose(gains[1], rewards)
    assert state.baseline == pytest.approx(0.1 * rewards.mean())


def outcomes(n):
    """So many rows and random losses."""
    x = CELLS.canonical(np.random.default_rng(0).random((n, 5)))
    losses, ones = np.random.default_rng(1).normal(size=n), np.ones(n)
    return Outcome(x, np.arange(n), np.full(n, -1), ones, losses, ones)


@pytest.mark.parametrize("chunk", [1, 5, 24])
def test_learning_does_not_depend_on_how_outcomes_come(chunk):
    proposer, told = Controller(batch=8), outcomes(24)
    whole = proposer.tell(proposer.init(CELLS, key=jr.key(0)), told)
    state = proposer.init(CELLS, key=jr.key(0))
    for i in range(0, 24, chunk):
        part = jax.tree.map(lambda leaf, i=i: leaf[i : i + chunk], told)
        state = proposer.tell(state, part)
    for a, b in zip(jax.tree.leaves(whole), jax.tree.leaves(state), strict=True):
        np.testing.assert_array_equal(a, b)
    assert whole.steps == 3


@pytest.mark.parametrize("rule", ["reinforce", "ppo"])
def test_it_learns_to_write_what_is_rewarded(rule):
    """The share of one value among 200 rows, after 160 outcomes; before: a quarter."""
    proposer = Controller(rule=rule)
    driver = Driver(proposer, CELLS)
    driver.run(
        lambda config: -(config["c1"] == "c") - (config["c3"] == "a"), 160, batch=8
    )
    rows = write(driver.state.weights, CELLS, 200, np.random.default_rng(0))
    share = [config["c1"] == "c" for config in CELLS.decode(CELLS.canonical(rows))]
    assert np.mean(share) > 0.25 + 5 * 0.031


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["reinforce", "ppo"])
def test_the_controller_beats_random(rule):
    space = Space({f"c{i}": Choice(list("abcd")) for i in range(8)})

    def loss(config):
        return float(
            sum("abcd".index(v) * (k + 1) for k, v in enumerate(config.values()))
        )

    found = [
        [
            Driver(make(), space, seed=s).run(loss, 200, batch=8).losses.min()
            for s in range(10)
        ]
        for make in (lambda: Controller(rule=rule), Random)
    ]
    assert_lower(*found, sigma=3)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"rule": "sarsa"}, "rule"),
        ({"batch": 0}, "batch"),
        ({"hidden": 0}, "hidden"),
        ({"learning_rate": 0.0}, "learning_rate"),
    ],
)
def test_errors_say_the_rule(fields, words):
    with pytest.raises(InvalidInput, match=words):
        Controller(**fields)
