"""`current`: what the next update will use, for every optimizer and wrapper."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from thalweg.core.packing import Packing
from thalweg.optimizers import (
    OPTIMIZERS,
    SGD,
    Accumulate,
    Adam,
    AdamW,
    ClipByGlobalNorm,
    Groups,
    Lookahead,
    Muon,
    OneOf,
    Prodigy,
    ReduceOnPlateau,
    SkipNonFinite,
    chain,
    decay_only,
    from_optax,
    hyper_parameters,
    on_vectors,
    partition,
)
from thalweg.schedules import Linear

PARAMS = {"kernel": jnp.ones((2, 2)), "bias": jnp.ones(2)}
FALLS = Linear(1.0, 10)


def after(optimizer, updates=0, grads=PARAMS):
    """What is current after some updates."""
    state = optimizer.init(PARAMS)
    for _ in range(updates):
        _, state = optimizer.update(grads, state, PARAMS)
    return {name: float(value) for name, value in optimizer.current(state).items()}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_tells_its_hyper_parameters(name):
    kind = OPTIMIZERS[name]
    names = hyper_parameters(kind())
    optimizer = kind(FALLS) if "learning_rate" in names else kind()
    state = optimizer.init(PARAMS)
    _, state = jax.eval_shape(optimizer.update, PARAMS, state, PARAMS)
    assert names <= set(jax.eval_shape(optimizer.current, state))
    if "learning_rate" in names:
        assert after(optimizer)["learning_rate"] == 1.0


def test_it_is_what_the_next_update_uses():
    optimizer = SGD(FALLS)
    state = optimizer.init(PARAMS)
    for _ in range(4):
        rate = optimizer.current(state)["learning_rate"]
        updates, state = optimizer.update(PARAMS, state, PARAMS)
        np.testing.assert_allclose(updates["bias"], -rate * PARAMS["bias"])
    assert rate == pytest.approx(0.7)


def test_a_plateau_has_its_hand_in_it():
    optimizer = ReduceOnPlateau(SGD(FALLS), factor=0.5, patience=0)
    state = optimizer.init(PARAMS)
    _, state = optimizer.update(PARAMS, state, PARAMS)
    for loss in (1.0, 2.0):
        state = optimizer.observe(state, jnp.asarray(loss))
    values = optimizer.current(state)
    assert values["learning_rate"] == pytest.approx(0.45)
    assert values["ReduceOnPlateau/factor"] == 0.5


def test_transforms_and_groups_have_names():
    groups = Groups(SGD(FALLS, l2=0.1), {"bias": {"learning_rate": Linear(3.0, 10)}})
    clip = ClipByGlobalNorm(Linear(2.0, 10))
    got = after(chain(clip, SkipNonFinite(groups)), 5)
    assert got == pytest.approx(
        {
            "learning_rate": 0.5,
            "l2": 0.1,
            "bias/learning_rate": 0.75,
            "ClipByGlobalNorm/limit": 1.0,
        }
    )


def test_a_step_that_is_left_out_does_not_count():
    broken = jax.tree.map(lambda p: p * jnp.nan, PARAMS)
    assert after(SkipNonFinite(SGD(FALLS)), 3, broken)["learning_rate"] == 1.0


def test_schedules_count_the_gradients_that_are_accumulated():
    got = after(Accumulate(Lookahead(SGD(FALLS), slow_rate=0.25), every=2), 5)
    assert got == pytest.approx(
        {
            "learning_rate": 0.5,
            "l2": 0.0,
            "Lookahead/every": 5.0,
            "Lookahead/slow_rate": 0.25,
            "Accumulate/every": 2.0,
        }
    )


def test_parts_have_their_patterns():
    optimizer = partition({"kernel": Muon(FALLS), "*": Adam(0.1)})
    got = after(optimizer, 5)
    assert got["kernel/learning_rate"] == got["kernel/rest/learning_rate"] == 0.5
    assert got["*/learning_rate"] == pytest.approx(0.1)


def test_one_of_tells_of_the_one_in_use():
    def current(index):
        optimizer = OneOf([SGD(FALLS), AdamW(0.1)], index)
        state = optimizer.init(PARAMS)
        _, state = optimizer.update(PARAMS, state, PARAMS)
        return optimizer.current(state)

    got = jax.jit(jax.vmap(current))(jnp.arange(2))
    np.testing.assert_allclose(got["learning_rate"], [0.9, 0.1], rtol=1e-6)
    np.testing.assert_allclose(got["b1"], [np.nan, 0.9], rtol=1e-6)


def test_prodigy_tells_its_rate():
    got = after(Prodigy(d0=1e-3))
    assert got["learning_rate"] == 1.0
    assert got["effective_learning_rate"] == pytest.approx(1e-3)


@pytest.mark.parametrize("optimizer", [decay_only(AdamW(FALLS)), Muon(FALLS)])
def test_packed_parameters_change_nothing(optimizer):
    packing = Packing.of(PARAMS)
    packed = on_vectors(optimizer, packing)
    state = packed.init(packing.pack(PARAMS))
    assert packed.current(state)["learning_rate"] == 1.0


def test_what_optax_shows():
    shows = optax.inject_hyperparams(optax.sgd)(learning_rate=0.25)
    assert after(from_optax(shows)) == {"learning_rate": 0.25}
    assert after(from_optax(optax.sgd(0.25))) == {}
