"""Categories: the code of each column, and whose vector each code gets."""

import jax.numpy as jnp
import numpy as np
import pytest

from thalweg.core.errors import InvalidInput
from thalweg.networks import Categorical

SEED = jnp.uint32(6)
CARDINALITIES = (3, 20, 4, 1, 2, 12)  # with code 0, unknown


def layer(**options):
    return Categorical(**options).build(CARDINALITIES, seed=SEED)


def test_one_hot_without_unknown():
    assert Categorical().units(5) == 4
    codes = jnp.zeros((4, 6), int).at[:, 2].set(jnp.arange(4))
    y = np.asarray(layer()(codes))
    # columns 0, 2, 3 and 4 are one-hot, of 1, 3, 0 and 1 units, and come first
    np.testing.assert_array_equal(
        y[:, 1:4], [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]
    )
    np.testing.assert_array_equal(y[:, [0, 4]], 0)


def test_two_categories_are_one_unit():
    codes = jnp.zeros((3, 6), int).at[:, 0].set(jnp.arange(3))
    np.testing.assert_array_equal(layer()(codes)[:, 0], [0, -1, 1])


def test_vectors_are_of_the_column_and_the_code():
    built = layer(size=2)
    codes = jnp.asarray([[0, 7, 0, 0, 0, 11], [0, 0, 0, 0, 0, 0]])
    y = built(codes)[:, 5:]
    table = built.embedding
    assert table.shape == (20 + 12, 2)
    np.testing.assert_array_equal(y[0], jnp.concatenate([table[7], table[20 + 11]]))
    np.testing.assert_array_equal(y[1], jnp.concatenate([table[0], table[20]]))


def test_codes_outside_are_clipped():
    built = layer()
    top = jnp.asarray([[n - 1 for n in CARDINALITIES]])
    np.testing.assert_array_equal(built(top + 100), built(top))
    np.testing.assert_array_equal(built(top * 0 - 100), built(top * 0))


@pytest.mark.parametrize("one_hot", [0, 3, 8, 100])
def test_sections_say_how_wide_the_columns_are(one_hot):
    description = Categorical(one_hot=one_hot)
    built = description.build(CARDINALITIES, seed=SEED)
    y = built(jnp.ones((2, 6), int))
    sections = description.sections(CARDINALITIES)
    assert len(sections) == 6
    assert y.shape == (2, sum(sections))
    assert y.dtype == jnp.float32
    assert (built.embedding is None) == (one_hot == 100)


def test_vectors_start_standard_normal():
    built = Categorical(size=16).build((2000,), seed=SEED)
    table = np.asarray(built.embedding)
    assert abs(table.mean()) < 6 / np.sqrt(table.size)
    assert abs(table.var() - 1) < 6 * np.sqrt(2 / table.size)


def test_rules_are_stated():
    with pytest.raises(InvalidInput, match="size=0"):
        Categorical(size=0)
