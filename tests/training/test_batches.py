"""Every epoch is a shuffle of its own that visits each training row exactly once."""

from functools import partial
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thalweg.core.errors import InvalidInput
from thalweg.training import Dataset
from thalweg.training.dataset import rows_in_use
from thalweg.training.member import next_rows


def epochs(size, batch, seed, count=4, split=0):
    """The rows of `count` epochs `[count, size]`, drawn batch by batch."""
    own = np.arange(100, 100 + size)
    other = np.arange(7)
    parts = [(other, other[:0]), (own, other)] if split else [(own, other)]
    data = Dataset.of(np.zeros((1, 200, 1)), np.zeros((1, 200)), parts)

    @partial(jax.jit, static_argnums=3)
    @partial(jax.vmap, in_axes=(0, None, None, None))
    def rows(step, member, data, batch):
        return next_rows(SimpleNamespace(step=step, **member), data, batch)

    steps = jnp.arange(-(-count * size // batch), dtype=jnp.int32)
    member = {"split": jnp.int32(split), "seed": jnp.uint32(seed)}
    found = np.asarray(rows(steps, member, data, batch))
    return found.reshape(-1)[: count * size].reshape(count, size)


@pytest.mark.parametrize(
    ("size", "batch"), [(40, 16), (7, 3), (16, 16), (13, 12), (5, 1), (1, 1), (2, 2)]
)
def test_every_epoch_visits_every_row_once(size, batch):
    found = epochs(size, batch, seed=3, split=size % 2)
    np.testing.assert_array_equal(
        np.sort(found, axis=1), np.tile(np.arange(100, 100 + size), (4, 1))
    )


def test_epochs_and_members_have_orders_of_their_own():
    one, other = epochs(40, 16, seed=3), epochs(40, 16, seed=4)
    orders = [tuple(row) for row in np.concatenate([one, other])]
    assert len(set(orders)) == 8
    np.testing.assert_array_equal(one, epochs(40, 16, seed=3))


def test_the_batch_size_does_not_change_the_order():
    np.testing.assert_array_equal(epochs(40, 16, seed=3), epochs(40, 7, seed=3))


def parts(*sizes):
    return [(np.arange(train), np.arange(train, 10)) for train in sizes]


def test_padding_of_smaller_splits_is_marked():
    data = Dataset.of(np.zeros((2, 10, 3)), np.zeros((2, 10)), parts(6, 8))
    assert data.splits == 2
    assert data.train_rows.shape == (2, 8)
    assert data.validation_rows.shape == (2, 4)
    assert data.train_size.tolist() == [6, 8]
    assert data.validation_size.tolist() == [4, 2]
    np.testing.assert_array_equal(rows_in_use(jnp.int32(2), 4), [1, 1, 0, 0])
    assert data.weight is None


def test_rows_of_a_split_are_its_own_or_shared():
    x = {"a": np.arange(20.0).reshape(2, 10), "b": np.arange(10)[None]}
    y = np.arange(20).reshape(2, 10)
    weight = np.linspace(0, 1, 10)
    data = Dataset.of(x, y, parts(6, 8), weight=weight)
    got, target, weights = data.batch(1, np.array([2, 9]))
    assert got["a"].tolist() == [12, 19]
    assert got["b"].tolist() == [2, 9]
    assert target.tolist() == [12, 19]
    np.testing.assert_array_equal(weights, weight[[2, 9]].astype(np.float32))


def test_a_split_without_validation_rows():
    data = Dataset.of(np.zeros((1, 4, 1)), np.zeros((1, 4)), [(np.arange(4), [])])
    assert data.validation_size.tolist() == [0]
    assert data.validation_rows.shape == (1, 1)


def test_a_split_without_training_rows_is_refused():
    with pytest.raises(InvalidInput, match=r"at least one training row.*fewer folds"):
        Dataset.of(np.zeros((1, 10, 1)), np.zeros((1, 10)), parts(5, 0))
