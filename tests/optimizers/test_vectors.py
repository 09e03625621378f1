"""An optimizer on packed parameters does what it does on the tree."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thalweg.core.packing import Packing
from thalweg.optimizers import (
    OPTIMIZERS,
    SGD,
    AdamW,
    ClipByGlobalNorm,
    ClipByNorm,
    Groups,
    Momentum,
    OneOf,
    ReduceOnPlateau,
    SkipNonFinite,
    chain,
    decay_only,
    on_vectors,
)
from thalweg.optimizers.vectors import Unpacking
from thalweg.schedules import Exponential

PARAMS = {
    "first": {"kernel": jnp.array([[1.0, -2.0], [0.5, 3.0]]), "bias": jnp.ones(2)},
    "embedding": jnp.array([0.3]),
    "none": None,
}
GRADS = jax.tree.map(lambda p: jnp.sin(3 * p) + 0.1, PARAMS)
DECAYED = {"kernel": {}, "*": {"weight_decay": 0.0}}
KINDS = [SGD(0.1), Momentum(0.1, weight_decay=0.3), AdamW(0.1, weight_decay=0.2)]

SAME = {
    "one of several": OneOf(KINDS, 1),
    "decay of kernels": decay_only(AdamW(0.1, weight_decay=0.5)),
    "decay of kernels of one of several": Groups(OneOf(KINDS, 2), DECAYED),
    "a scheduled decay": Groups(
        AdamW(0.1, weight_decay=Exponential(0.5, steps=4)), DECAYED
    ),
    "clipping by all": chain(ClipByGlobalNorm(0.5), AdamW(0.1)),
    "the finite": SkipNonFinite(decay_only(AdamW(0.1))),
    "plateau": ReduceOnPlateau(AdamW(0.1)),
} | {name: kind() for name, kind in OPTIMIZERS.items() if kind.ignores_shapes}
SHOWN_TREES = {
    "rates by path": Groups(SGD(0.1), {"*bias": {"learning_rate": 3.0}}),
    "betas by path": Groups(AdamW(0.1), {"*bias": {"b1": 0.5}}),
    "a schedule for a group": Groups(
        AdamW(0.1), {"*bias": {"weight_decay": Exponential(1.0, steps=4)}}
    ),
    "clipping one by one": chain(ClipByNorm(0.5), SGD(0.1)),
    "wrapped": SkipNonFinite(chain(ClipByNorm(0.5), SGD(0.1))),
    "one that needs it": OneOf([SGD(0.1), chain(ClipByNorm(0.5), SGD(0.1))], 1),
}


def after(optimizer, params, grads):
    state = optimizer.init(params)
    for loss in (1.0, 2.0, 3.0, 4.0):
        updates, state = optimizer.update(grads, state, params)
        params = jax.tree.map(jnp.add, params, updates)
        state = optimizer.observe(state, jnp.asarray(loss))
    return params


@pytest.mark.parametrize("name", SAME | SHOWN_TREES)
def test_the_same_parameters_after_some_steps(name):
    optimizer = (SAME | SHOWN_TREES)[name]
    packing = Packing.of(PARAMS)
    packed = on_vectors(optimizer, packing)
    assert isinstance(packed, Unpacking) == (name in SHOWN_TREES)
    got = packing.unpack(after(packed, packing.pack(PARAMS), packing.pack(GRADS)))
    expected = after(optimizer, PARAMS, GRADS)
    assert jax.tree.structure(got) == jax.tree.structure(expected)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), got, expected
    )


def test_one_vector_per_dtype():
    params = {**PARAMS, "half": jnp.ones(2, jnp.bfloat16)}
    grads = jax.tree.map(jnp.ones_like, params)
    packing = Packing.of(params)
    vectors = after(
        on_vectors(decay_only(AdamW(0.1)), packing),
        packing.pack(params),
        packing.pack(grads),
    )
    assert {k: v.dtype.name for k, v in vectors.items()} == {
        "float32": "float32",
        "bfloat16": "bfloat16",
    }
    expected = after(decay_only(AdamW(0.1)), params, grads)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(
            a.astype(jnp.float32), b.astype(jnp.float32), rtol=1e-6
        ),
        packing.unpack(vectors),
        expected,
    )


def test_a_pattern_that_matches_nothing_is_found_out_here_too():
    with pytest.raises(Exception, match="first match of none"):
        on_vectors(Groups(AdamW(), {"*foo": {"weight_decay": 0.0}}), Packing.of(PARAMS))
