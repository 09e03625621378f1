"""Bayesian optimization over choices: what the model learns, and whom it recommends."""

from itertools import pairwise

import jax.random as jr
import numpy as np
import pytest

from thalweg.core.errors import InvalidInput
from thalweg.proposers import ChoiceGaussianProcess, Outcome, Random
from thalweg.spaces import Choice, Space
from thalweg.testing.proposers import Driver, assert_lower

OPS = ["none", "skip", "conv", "pool"]
CHAIN = Space({f"block{i}": Choice(OPS) for i in range(6)})
WORTH = {"none": 0.0, "skip": 0.4, "conv": 1.0, "pool": 0.6}


def loss(config: dict) -> float:
    """Many convolutions are good, two of them one after the other better."""
    ops = list(config.values())
    pairs = sum(a == b == "conv" for a, b in pairwise(ops))
    return -sum(WORTH[op] for op in ops) - 0.3 * pairs + 0.8 * (ops[0] == "conv")


def told(x: np.ndarray, losses: np.ndarray, **rest) -> Outcome:
    n = len(x)
    return Outcome(
        x, np.arange(n), np.full(n, -1), np.ones(n), losses, np.ones(n), **rest
    )


def lowest(proposer, seed: int) -> float:
    return Driver(proposer, CHAIN, seed=seed).run(loss, 30, batch=3).losses.min()


@pytest.mark.slow
def test_beats_random_on_a_chain_of_blocks():
    ours = [lowest(ChoiceGaussianProcess(), seed) for seed in range(8)]
    theirs = [lowest(Random(), seed) for seed in range(8)]
    assert_lower(ours, theirs, sigma=3.0)


def test_recommends_by_the_model_where_losses_are_noisy():
    rng = np.random.default_rng(0)
    proposer, regrets = ChoiceGaussianProcess(), {"model": [], "lowest": []}
    for seed in range(12):
        x = CHAIN.canonical(np.random.default_rng(seed).random((100, CHAIN.dim)))
        true = np.array([loss(config) for config in CHAIN.decode(x)])
        seen = true + 0.7 * rng.standard_normal(100)
        state = proposer.init(CHAIN, key=jr.key(seed))
        state = proposer.tell(state, told(x, seen))
        [config] = CHAIN.decode(proposer.recommend(state)[None])
        regrets["model"].append(loss(config))
        regrets["lowest"].append(true[np.argmin(seen)])
    assert_lower(regrets["model"], regrets["lowest"], sigma=1.0)


def test_recommends_nothing_before_two_losses_and_none_that_failed():
    proposer = ChoiceGaussianProcess()
    state = proposer.init(CHAIN, key=jr.key(0))
    assert proposer.recommend(state) is None
    x = CHAIN.canonical(np.random.default_rng(0).random((8, CHAIN.dim)))
    losses = np.full(8, np.nan)
    losses[5] = 3.0
    assert proposer.recommend(proposer.tell(state, told(x, losses))) is None
    losses[6] = 4.0
    row = proposer.recommend(proposer.tell(state, told(x, losses)))
    np.testing.assert_array_equal(row, x[5])


def test_what_breaks_a_constraint_is_not_recommended():
    proposer = ChoiceGaussianProcess()
    x = CHAIN.canonical(np.random.default_rng(0).random((20, CHAIN.dim)))
    losses = np.array([loss(config) for config in CHAIN.decode(x)])
    best = int(np.argmin(losses))
    constraints = np.zeros((20, 1))
    constraints[best] = 1.0
    state = proposer.init(CHAIN, key=jr.key(0))
    state = proposer.tell(state, told(x, losses, constraints=constraints))
    assert (proposer.recommend(state) != x[best]).any()


def test_learns_from_an_encoding_what_the_values_alone_don_t_say():
    """The loss is the parity of three dimensions: the encoding tells it."""
    switches = Space({f"s{i}": Choice([False, True]) for i in range(9)})

    def parity(x: np.ndarray) -> np.ndarray:
        return (x[:, :3] > 0.5).sum(1, keepdims=True) % 2

    x = switches.canonical(np.random.default_rng(0).random((16, 9)))
    proposer = ChoiceGaussianProcess(encoding=parity)
    state = proposer.init(switches, key=jr.key(0))
    noise = 0.1 * np.random.default_rng(1).standard_normal(16)
    state = proposer.tell(state, told(x, parity(x)[:, 0] + noise))
    proposal, _ = proposer.ask(state, 8, key=jr.key(1))
    assert (parity(proposal.x) == 0).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"initial": 0}, "`initial`"), ({"max_observations": 5}, "`max_observations`")],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(InvalidInput, match=message):
        ChoiceGaussianProcess(**arguments)
