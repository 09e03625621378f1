"""Cheap randomness is random enough: bounds at some sigma, never a lucky seed.

The limit of 6 sigma is passed by chance once in 5e8 looks; there are about 1e4 here.
"""

from functools import partial

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from thalweg.core import rng

SIGMA = 6.0
SEEDS = 20_000
seeds = rng.mix(jnp.arange(SEEDS, dtype=jnp.uint32) + jnp.uint32(12345))


@partial(jax.jit, static_argnums=0)
def _shuffled(longest, size, seeds):
    """Row s: where 0 … longest - 1 go in the s-th shuffle of `range(size)`."""
    index = jnp.arange(longest, dtype=jnp.int32)
    return jax.vmap(lambda seed: rng.shuffled(index, size, seed))(seeds)


def shuffled(size, seeds, longest=64):
    return np.asarray(_shuffled(longest, jnp.int32(size), seeds))[:, :size]


def deviation(counts, trials, chance):
    """The largest distance of binomial counts from what is expected, in sigma."""
    counts = np.asarray(counts, float)
    sigma = np.sqrt(trials * chance * (1 - chance))
    return np.abs(counts - trials * chance).max() / sigma


def mean_deviation(x, mean, std):
    x = np.asarray(x, float)
    return abs(x.mean() - mean) / (std / np.sqrt(x.size))


def test_a_shuffle_is_a_permutation_of_any_size():
    for size in range(1, 65):
        found = np.sort(shuffled(size, seeds[:50]), axis=1)
        np.testing.assert_array_equal(found, np.tile(np.arange(size), (50, 1)))


@pytest.mark.parametrize("size", [4096, 4097, 99_991])
def test_a_shuffle_is_a_permutation_of_many(size):
    found = np.sort(shuffled(size, seeds[:3], size), axis=1)
    np.testing.assert_array_equal(found, np.tile(np.arange(size), (3, 1)))


def test_parts_of_a_shuffle_agree_with_the_whole():
    whole = shuffled(50, seeds[:1])[0]
    some = jnp.array([49, 7, 7, 0], jnp.int32)
    got = rng.shuffled(some, jnp.int32(50), seeds[0])
    np.testing.assert_array_equal(got, whole[np.asarray(some)])
    assert got.dtype == jnp.int32


@pytest.mark.parametrize("size", [2, 3, 8])
def test_every_place_of_a_shuffle_is_as_likely(size):
    found = shuffled(size, seeds)
    counts = [[(found[:, i] == a).sum() for a in range(size)] for i in range(size)]
    assert deviation(counts, SEEDS, 1 / size) < SIGMA


def test_every_pair_of_places_is_as_likely():
    size = 8
    found = shuffled(size, seeds)
    counts = []
    for i in range(size):
        for j in range(i):
            joint = np.zeros((size, size), int)
            np.add.at(joint, (found[:, i], found[:, j]), 1)
            assert joint.trace() == 0
            counts.append(joint[~np.eye(size, dtype=bool)])
    assert deviation(counts, SEEDS, 1 / (size * (size - 1))) < SIGMA


def test_every_order_of_four_is_as_likely():
    found = shuffled(4, seeds)
    _, counts = np.unique(found, axis=0, return_counts=True)
    assert len(counts) == 24
    assert deviation(counts, SEEDS, 1 / 24) < SIGMA


def test_rows_and_epochs_are_uncorrelated():
    """Neighbours are torn apart, and one shuffle says nothing of the next."""
    size, epochs = 1000, 300
    found = shuffled(size, seeds[:epochs], size)
    unit = (found - (size - 1) / 2) / np.sqrt((size**2 - 1) / 12)
    ramp = np.linspace(-1, 1, size) * np.sqrt(3)
    pairs = {
        "index": unit * ramp,
        "neighbour": unit[:, 1:] * unit[:, :-1],
        "epoch": unit[1:] * unit[:-1],
    }
    for name, products in pairs.items():
        assert mean_deviation(products, 0.0, 1.0) < SIGMA, name
    gaps = np.abs(np.diff(found, axis=1))
    assert (gaps == 1).mean() < 2 / size + SIGMA * np.sqrt(2 / size / gaps.size)


def test_bits_are_fair_alone_and_with_their_neighbours():
    words = np.asarray(jax.vmap(lambda s: rng.bits(s, (1000,)))(seeds[:100]))
    assert words.dtype == np.uint32
    views = {
        "alone": words,
        "next word": words[:, 1:] ^ words[:, :-1],
        "next seed": words[1:] ^ words[:-1],
        "next bit": words ^ (words >> 1),
    }
    for name, view in views.items():
        last = 31 if name == "next bit" else 32  # the top bit has no neighbour
        ones = [((view >> bit) & 1).sum() for bit in range(last)]
        assert deviation(ones, view.size, 0.5) < SIGMA, name


def test_seeds_that_differ_in_one_bit_give_unrelated_streams():
    seed = jnp.uint32(2024)
    words = np.asarray(rng.bits(seed, (4000,)))
    for bit in range(32):
        other = np.asarray(rng.bits(seed ^ jnp.uint32(1 << bit), (4000,)))
        changed = np.bitwise_count(words ^ other)
        assert mean_deviation(changed, 16, np.sqrt(8)) < SIGMA


def test_uniform_numbers():
    u = np.asarray(jax.vmap(lambda s: rng.uniform(s, (10, 100)))(seeds[:200]))
    assert u.dtype == np.float32
    assert u.shape == (200, 10, 100)
    assert u.min() >= 0
    assert u.max() < 1
    assert mean_deviation(u, 1 / 2, np.sqrt(1 / 12)) < SIGMA
    assert mean_deviation((u - 0.5) ** 2, 1 / 12, np.sqrt(1 / 180)) < SIGMA
    counts, _ = np.histogram(u, bins=100, range=(0, 1))
    assert deviation(counts, u.size, 1 / 100) < SIGMA
    lagged = (u[..., 1:] - 0.5) * (u[..., :-1] - 0.5)
    assert mean_deviation(lagged, 0, 1 / 12) < SIGMA


def test_cheap_keys_serve_all_of_jax_random():
    key = rng.key_of(jnp.uint32(7))
    normal = jr.normal(key, (100_000,))
    assert normal.dtype == jnp.float32
    moments = [(0, 1), (1, 2), (0, 15), (3, 96)]  # of order 1 … 4: mean, variance
    for order, (mean, variance) in enumerate(moments, start=1):
        x = np.asarray(normal, float) ** order
        assert mean_deviation(x, mean, np.sqrt(variance)) < SIGMA
    heads = jr.bernoulli(key, 0.3, (50_000,)).sum()
    assert deviation(heads, 50_000, 0.3) < SIGMA
    dice = np.bincount(jr.randint(key, (60_000,), 0, 6))
    assert deviation(dice, 60_000, 1 / 6) < SIGMA
    order = np.sort(jr.permutation(key, 257))
    np.testing.assert_array_equal(order, np.arange(257))


@pytest.mark.parametrize("dtype", [jnp.uint8, jnp.uint16, jnp.uint32])
def test_narrow_words_are_fair(dtype):
    words = np.asarray(jr.bits(rng.key_of(jnp.uint32(1)), (50_000,), dtype))
    assert words.dtype == dtype
    ones = [((words >> bit) & 1).sum() for bit in range(8 * words.dtype.itemsize)]
    assert deviation(ones, 50_000, 0.5) < SIGMA


def test_wide_words_are_fair(x64):
    words = np.asarray(jr.bits(rng.key_of(jnp.uint32(1)), (50_000,), jnp.uint64))
    assert words.dtype == np.uint64
    ones = [((words >> np.uint64(bit)) & np.uint64(1)).sum() for bit in range(64)]
    assert deviation(ones, 50_000, 0.5) < SIGMA
    halves = (words >> np.uint64(32)) ^ (words & np.uint64(0xFFFFFFFF))
    assert mean_deviation(np.bitwise_count(halves), 16, np.sqrt(8)) < SIGMA


def test_split_keys_and_folded_keys_are_strangers():
    key = rng.key_of(jnp.uint32(3))
    split = jr.split(key, 2000)
    folded = jax.vmap(lambda i: jr.fold_in(key, i))(jnp.arange(2000))
    data = np.concatenate([jr.key_data(k).ravel() for k in (key[None], split, folded)])
    assert len(np.unique(data)) == 4001
    draws = [jax.vmap(lambda k: jr.normal(k, (20,)))(k) for k in (split, folded)]
    for x in map(np.asarray, draws):
        assert mean_deviation(x, 0, 1) < SIGMA
        assert mean_deviation(x[1:] * x[:-1], 0, 1) < SIGMA
        assert mean_deviation(x[:, 1:] * x[:, :-1], 0, 1) < SIGMA
    assert mean_deviation(draws[0] * draws[1], 0, 1) < SIGMA
    parent = np.asarray(jr.normal(key, (2000, 20)))
    assert mean_deviation(draws[0] * parent, 0, 1) < SIGMA


def test_a_key_is_one_word_whatever_its_form():
    for seed in range(3):
        key = jr.key(seed)
        assert rng.word(key) == rng.word(jr.key_data(key))
    for key in (jr.key(0), rng.key_of(jnp.uint32(0))):
        words = np.asarray(jax.vmap(rng.word)(jr.split(key, 500)))
        assert len(np.unique(words)) == 500


def test_words_of_trials_are_the_same_for_ever():
    """Weights on disk are found again by training from these."""
    assert rng.seed_word(0, 0) == 2968811710
    assert rng.seed_word(0, 0).dtype == np.uint32
    assert rng.seed_word(7, 123, 4) == rng.seed_word(7, 123, 4)


def test_words_of_trials_differ():
    words = {
        int(rng.seed_word(seed, trial, replica))
        for seed in range(4)
        for trial in range(60)
        for replica in range(5)
    }
    assert len(words) == 1200
    assert rng.seed_word(5, 3) == rng.seed_word(5, 3, 0)


def test_generators_follow_the_key():
    one, same, other = (rng.generator(jr.key(s)).random(4) for s in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).all()
    rng.generator(rng.key_of(jnp.uint32(0))).random()
