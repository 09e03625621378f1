"""Randomness that is cheap inside a training step, and keys from trial numbers.

`jax.random` draws a bit with about a hundred integer operations, which is a quarter of
a small network's step when dropout uses it. The streams here need statistical quality
only, so each word is one application of an avalanche mixer to its position.
"""

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jax.extend.random import define_prng_impl
from jaxtyping import Array, Float, Int, UInt32

from thalweg.core.typing import Key

GOLDEN = 0x9E3779B9  # 2^32 / the golden ratio: an odd step that visits every word


@partial(jax.jit, inline=True)  # traced once for a shape, and no call of its own
def mix(x: UInt32[Array, "*n"]) -> UInt32[Array, "*n"]:
    """A bijection of 32-bit words that flips about half of the bits for any change.

    The constants are the lowest-bias pair of Wellons' search ("lowbias32", 2018),
    https://nullprogram.com/blog/2018/07/31/.
    """
    x = x ^ (x >> 16)
    x = x * jnp.uint32(0x7FEB352D)
    x = x ^ (x >> 15)
    x = x * jnp.uint32(0x846CA68B)
    return x ^ (x >> 16)


def word(key: Key) -> UInt32[Array, ""]:
    """One 32-bit word that stands for the key in the cheap streams."""
    data = (
        jax.random.key_data(key)
        if jnp.issubdtype(key.dtype, jax.dtypes.prng_key)
        else key
    )
    data = data.reshape(-1).astype(jnp.uint32)
    return mix(data[0] ^ mix(data[-1] + jnp.uint32(GOLDEN)))


def bits(seed: UInt32[Array, ""], shape: tuple[int, ...]) -> UInt32[Array, "..."]:
    """Random words of `shape`, drawn from one."""
    position = jax.lax.iota(jnp.uint32, math.prod(shape)).reshape(shape)
    return mix(position * jnp.uint32(GOLDEN) + mix(seed))


def uniform(seed: UInt32[Array, ""], shape: tuple[int, ...]) -> Float[Array, "..."]:
    """Uniform numbers in [0, 1) of `shape`, 24 bits each, drawn from one word."""
    return (bits(seed, shape) >> 8).astype(jnp.float32) * jnp.float32(2**-24)


def key_of(seed: UInt32[Array, ""]) -> Key:
    """A key for `jax.random` whose streams are the cheap ones.

    All of `jax.random` works with it, and a network that draws its weights with it
    compiles several times faster than with the default generator.
    """
    return jax.random.wrap_key_data(seed.astype(jnp.uint32)[None], impl=_CHEAP)


def shuffled(
    index: Int[Array, "*b"], size: Int[Array, ""], seed: UInt32[Array, ""]
) -> Int[Array, "*b"]:
    """Where `index` goes in the `seed`-th shuffle of `range(size)`.

    A permutation of any size that is never stored, so that every member of a population
    walks the rows in an order of its own: swap-or-not (Hoang, Morris & Rogaway 2012,
    https://eprint.iacr.org/2012/254) with 16 rounds; `size` may be traced. For sizes up
    to 2^24: beyond, some partners are never chosen, though it stays a permutation.
    """
    # an integer division is the one operation here that no processor does in a vector
    scale = size.astype(jnp.float32) * jnp.float32(2**-24)
    size = size.astype(jnp.uint32)
    x = index.astype(jnp.uint32)
    for number in range(16):
        k = mix(seed + jnp.uint32(number * GOLDEN & 0xFFFFFFFF))
        offset = ((k >> 8).astype(jnp.float32) * scale).astype(jnp.uint32)
        partner = jnp.minimum(offset, size - 1) + size - x
        partner = jnp.where(partner >= size, partner - size, partner)
        larger = jnp.maximum(x, partner)
        swap = mix(larger ^ (k + jnp.uint32(number + 1))) & 1
        x = jnp.where(swap == 1, partner, x)
    return x.astype(index.dtype)


def seed_word(seed: int, trial: int, replica: int = 0) -> np.uint32:
    """The word that all randomness of a trial's `replica`-th network comes from."""
    return np.random.SeedSequence([seed, trial, replica]).generate_state(1)[0]


def generator(key: Key) -> np.random.Generator:
    """A NumPy generator that the key determines, for code outside compiled programs."""
    return np.random.default_rng(np.asarray(jr.key_data(key)).tolist())


def _seed(seed: Array) -> UInt32[Array, " 1"]:
    return mix(seed.astype(jnp.uint32))[None]


def _fold_in(key: UInt32[Array, " 1"], data: Any) -> UInt32[Array, " 1"]:
    return mix(key ^ mix(data.astype(jnp.uint32) + jnp.uint32(GOLDEN)))


def _split(key: UInt32[Array, " 1"], shape: tuple[int, ...]) -> UInt32[Array, "..."]:
    return mix(bits(key[0] ^ jnp.uint32(0x85EBCA6B), shape))[..., None]


def _random_bits(
    key: UInt32[Array, " 1"], bit_width: int, shape: tuple[int, ...]
) -> Array:
    words = bits(key[0], shape)
    if bit_width < 64:
        dtype = {8: jnp.uint8, 16: jnp.uint16, 32: jnp.uint32}[bit_width]
        return (words >> (32 - bit_width)).astype(dtype)
    low = bits(mix(key[0] + jnp.uint32(1)), shape)
    return words.astype(jnp.uint64) << jnp.uint64(32) | low.astype(jnp.uint64)


_CHEAP = define_prng_impl(
    key_shape=(1,),
    seed=_seed,
    split=_split,
    random_bits=_random_bits,
    fold_in=_fold_in,
    name="thalweg_mix",
    tag="twm",
)
