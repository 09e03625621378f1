"""Networks as named arrays, and back."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from tiny_members import CLASSES, FEATURES, candidate

from thalweg.core.errors import StoreError
from thalweg.core.rng import key_of
from thalweg.networks import Inputs
from thalweg.training.skeleton import from_arrays, to_arrays


@pytest.fixture(scope="module")
def network():
    return candidate(dropout=0.2).network.build(
        Inputs(FEATURES), CLASSES, key=key_of(jnp.uint32(5))
    )


def test_every_array_has_a_name_that_reads_well(network):
    arrays = to_arrays(network)
    assert arrays["layers/0/linear/kernel"].shape == (FEATURES, 8)
    assert arrays["head/bias"].shape == (CLASSES,)
    assert all(isinstance(a, np.ndarray) for a in arrays.values())
    assert any("dropout" in name for name in arrays)  # what is fixed is kept too


def test_there_and_back_is_the_same_network(network):
    again = from_arrays(candidate(), Inputs(FEATURES), CLASSES, to_arrays(network))
    x = np.random.default_rng(0).normal(size=(5, FEATURES)).astype(np.float32)
    np.testing.assert_allclose(again(x), network(x), rtol=1e-5, atol=1e-6)
    names, arrays = to_arrays(network), to_arrays(again)
    assert list(names) == list(arrays)
    assert all(names[n].tobytes() == arrays[n].tobytes() for n in names)


def test_a_missing_array_is_named(network):
    arrays = to_arrays(network)
    del arrays["head/bias"]
    with pytest.raises(StoreError, match=r"'head/bias' of shape \(3,\).* has none"):
        from_arrays(candidate(), Inputs(FEATURES), CLASSES, arrays)


def test_another_network_s_arrays_are_refused(network):
    with pytest.raises(StoreError, match=r"\(5, 8\), but the file has .*\(4, 8\)"):
        from_arrays(candidate(), Inputs(5), CLASSES, to_arrays(network))


def test_arrays_keep_the_network_s_types(network):
    arrays = {n: a.astype(np.float64) for n, a in to_arrays(network).items()}
    again = from_arrays(candidate(), Inputs(FEATURES), CLASSES, arrays)
    assert eqx.tree_equal(again.head.kernel, np.asarray(network.head.kernel))
