"""Trees as vectors, and back."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thalweg.core.packing import Packing

TREE = {
    "a": np.arange(6, dtype=np.float32).reshape(2, 3),
    "b": np.array(7, np.int32),
    "c": [np.zeros((0, 4), np.float32), None, np.array([8.0], np.float32)],
}


@pytest.mark.parametrize("kind", [np.asarray, jnp.asarray])
def test_there_and_back(kind):
    tree = jax.tree.map(kind, TREE)
    packing = Packing.of(tree)
    vectors = packing.pack(tree)
    assert {k: v.shape for k, v in vectors.items()} == {"float32": (7,), "int32": (1,)}
    assert packing.sizes == {"float32": 7, "int32": 1}
    assert all(isinstance(v, type(kind(0.0))) for v in vectors.values())
    again = packing.unpack(vectors)
    assert jax.tree.structure(again) == jax.tree.structure(TREE)
    for got, expected in zip(
        jax.tree.leaves(again), jax.tree.leaves(TREE), strict=True
    ):
        assert got.shape == expected.shape
        assert got.dtype == expected.dtype
        np.testing.assert_array_equal(got, expected)


def test_leading_axes_are_kept():
    packing = Packing.of(TREE)
    vectors = packing.pack(TREE)
    many = {k: np.stack([v, 2 * v]) for k, v in vectors.items()}
    np.testing.assert_array_equal(packing.unpack(many)["a"][1], 2 * TREE["a"])
    assert packing.unpack(many)["b"].shape == (2,)


def test_other_dtypes_are_cast_to_the_layouts():
    packing = Packing.of(TREE)
    wide = jax.tree.map(lambda x: x.astype(np.float64), TREE)
    assert packing.pack(wide)["int32"].dtype == np.int32


def test_nothing_packs_to_nothing():
    packing = Packing.of({"a": None})
    assert packing.pack({"a": None}) == {}
    assert packing.unpack({}) == {"a": None}


def test_shapes_and_equality():
    assert Packing.of(TREE) == Packing.of(Packing.of(TREE).shapes)
    assert hash(Packing.of(TREE)) == hash(Packing.of(TREE))
    assert Packing.of(TREE) != Packing.of({"a": TREE["a"]})
