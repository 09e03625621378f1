"""BANANAS finds good chains of blocks, sees encodings, and refuses bad arguments."""

from itertools import pairwise

import jax.random as jr
import numpy as np
import pytest

from thalweg.core.errors import InvalidInput
from thalweg.proposers import Bananas, Outcome, Random
from thalweg.spaces import Choice, Space
from thalweg.testing.proposers import Driver, assert_lower

OPS = ["none", "skip", "conv", "pool"]
CHAIN = Space({f"block{i}": Choice(OPS) for i in range(8)})
WORTH = {"none": 0.0, "skip": 0.4, "conv": 1.0, "pool": 0.6}


def loss(config: dict) -> float:
    ops = list(config.values())
    pairs = sum(a == b == "conv" for a, b in pairwise(ops))
    return -sum(WORTH[op] for op in ops) - 0.3 * pairs + 0.8 * (ops[0] == "conv")


def lowest(proposer, seed: int) -> float:
    return Driver(proposer, CHAIN, seed=seed).run(loss, 50, batch=10).losses.min()


@pytest.mark.slow
def test_beats_random_on_a_chain_of_blocks():
    ours = [lowest(Bananas(), seed) for seed in range(8)]
    theirs = [lowest(Random(), seed) for seed in range(8)]
    assert_lower(ours, theirs, sigma=3.0)


def test_prefers_what_the_encoding_says_is_good():
    """Losses follow one number that only the encoding computes, a parity."""
    switches = Space({f"s{i}": Choice([False, True]) for i in range(9)})

    def parity(x: np.ndarray) -> np.ndarray:
        return (x > 0.5).sum(1, keepdims=True) % 2.0

    x = switches.canonical(np.random.default_rng(0).random((30, 9)))
    proposer = Bananas(encoding=parity)
    state = proposer.init(switches, key=jr.key(0))
    n = np.arange(30)
    noise = 0.1 * np.random.default_rng(1).standard_normal(30)
    losses = parity(x)[:, 0] + noise
    state = proposer.tell(
        state, Outcome(x, n, np.full(30, -1), np.ones(30), losses, np.ones(30))
    )
    proposal, _ = proposer.ask(state, 8, key=jr.key(1))
    assert (parity(proposal.x) == 0).all()


@pytest.mark.parametrize("name", ["initial", "members"])
def test_bad_arguments(name):
    with pytest.raises(InvalidInput, match=f"`{name}` must be at least 2"):
        Bananas(**{name: 1})
