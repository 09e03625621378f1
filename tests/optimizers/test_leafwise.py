"""What is known when a program is compiled is left out of it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thalweg.optimizers import OPTIMIZERS, RMSprop
from thalweg.optimizers.leafwise import is_zero
from thalweg.schedules import Linear

GRADS = {"a": jnp.array([1.0, -2.0])}


@pytest.mark.parametrize(
    ("value", "zero"),
    [
        (jnp.array(0.0), True),
        (np.zeros(3), True),
        (jnp.array(jnp.nan), False),
        (np.array([0.0, 1e-30]), False),
        (Linear(0.0, 10), False),
        (None, False),
    ],
)
def test_a_zero_is_known(value, zero):
    assert is_zero(value) == zero
    assert not jax.jit(lambda x: jnp.asarray(is_zero(x)))(0.0)


@pytest.mark.parametrize("name", ["adam", "adagrad", "schedule_free_sgd"])
def test_no_decay_reads_no_parameters(name):
    optimizer = OPTIMIZERS[name]()
    state = optimizer.init(GRADS)
    broken = {"a": jnp.full(2, jnp.nan)}
    _, after = optimizer.update(GRADS, state, broken)
    assert all(jnp.isfinite(x).all() for x in jax.tree.leaves(after))


def test_without_momentum_no_velocity_is_kept():
    def path(optimizer):
        params, state = GRADS, optimizer.init(GRADS)
        for _ in range(3):
            updates, state = optimizer.update(GRADS, state, params)
            params = jax.tree.map(jnp.add, params, updates)
        return params, state

    without, state = path(RMSprop(0.1))
    assert state.velocity is None
    assert path(RMSprop(0.1, momentum=0.5))[1].velocity is not None
    np.testing.assert_allclose(without["a"], path(RMSprop(0.1, momentum=0.0))[0]["a"])
