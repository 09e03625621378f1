"""One step on a loss: what rules are given that look further than one gradient."""

from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thalweg.core.errors import InvalidInput
from thalweg.core.packing import Packing
from thalweg.optimizers import (
    SGD,
    AbstractOptimizer,
    AdamW,
    ClipByGlobalNorm,
    ClipByNorm,
    Groups,
    Momentum,
    Objective,
    OneOf,
    ReduceOnPlateau,
    SkipNonFinite,
    chain,
    looks_further,
    on_vectors,
)
from thalweg.training import train

PARAMS = {"kernel": jnp.array([[1.0, -2.0], [0.5, 3.0]]), "bias": jnp.ones(2)}


def loss(params):
    return sum(jnp.sum(jnp.cosh(p)) for p in jax.tree.leaves(params))


def same(got, expected, rtol=1e-6):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol), got, expected)


class Newton(AbstractOptimizer):
    """The parabola through three values along each leaf's gradient, which it needs."""

    looks_further: ClassVar[bool] = True

    def init(self, params):
        return jnp.zeros((), int)

    def update(self, grads, state, params):
        return self.step(Objective.of_gradient(grads), state, params)[1:]

    def step(self, objective, state, params):
        objective.must_be_anywhere(self)
        value, grads = objective.value_and_grad(params)

        def along(t):
            return objective.value(jax.tree.map(lambda p, g: p - t * g, params, grads))

        slope, bend = jax.grad(along)(0.0), jax.grad(jax.grad(along))(0.0)
        length = slope / bend
        return value, jax.tree.map(lambda g: length * g, grads), state + 1


WRAPPERS = {
    "chain": lambda o: chain(ClipByGlobalNorm(1.0), o),
    "plateau": ReduceOnPlateau,
    "skip": SkipNonFinite,
    "one of": lambda o: OneOf([SGD(0.1), o], 1),
    "groups": lambda o: Groups(o, {"bias": {"learning_rate": 2.0}}),
    "vectors": lambda o: on_vectors(chain(ClipByNorm(1.0), o), Packing.of(PARAMS)),
}


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
def test_a_step_is_a_gradient_and_an_update(wrap):
    optimizer, objective = wrap(AdamW(0.1)), Objective.of(loss)
    params = PARAMS
    if wrap is WRAPPERS["vectors"]:
        packing = Packing.of(PARAMS)
        objective = objective.seen_through(packing.unpack, packing.pack)
        params = packing.pack(PARAMS)
    first, second = optimizer.init(params), optimizer.init(params)
    for _ in range(2):
        value, updates, first = optimizer.step(objective, first, params)
        expected, grads = objective.value_and_grad(params)
        others, second = optimizer.update(grads, second, params)
        same(value, expected)
        same(updates, others)


@pytest.mark.parametrize("name", ["plateau", "skip", "one of"])
def test_a_rule_that_needs_the_loss_gets_it_inside_a_wrapper(name):
    wrap = {**WRAPPERS, "plateau": lambda o: ReduceOnPlateau(OneOf([SGD(), o], 1))}
    optimizer = wrap[name](Newton())
    assert looks_further(optimizer)
    assert not looks_further(wrap[name](AdamW()))
    objective = Objective.of(loss)
    _, got, _ = optimizer.step(objective, optimizer.init(PARAMS), PARAMS)
    _, expected, _ = Newton().step(objective, jnp.zeros((), int), PARAMS)
    same(got, expected)


def test_transformed_gradients_reach_a_rule_that_needs_the_loss():
    value, got, _ = chain(ClipByGlobalNorm(0.5), Newton()).step(
        Objective.of(loss),
        chain(Newton()).init(PARAMS),
        PARAMS,
    )
    clipped = ClipByGlobalNorm(0.5)(jax.grad(loss)(PARAMS), PARAMS)
    ratio = jax.tree.map(jnp.divide, got, clipped)
    same(value, loss(PARAMS))
    same(ratio, jax.tree.map(lambda r: jnp.full_like(r, ratio["bias"][0]), ratio))


@pytest.mark.parametrize("wrap", [lambda o: o, lambda o: Groups(o, {"bias": {}})])
def test_a_gradient_alone_is_refused_by_a_rule_that_needs_the_loss(wrap):
    optimizer = wrap(Newton())
    with pytest.raises(InvalidInput, match="Newton evaluates the loss at points of"):
        optimizer.update(PARAMS, optimizer.init(PARAMS), PARAMS)


def line(params, x):
    return x @ params["kernel"] + params["bias"]


@pytest.mark.parametrize("optimizer", [Newton(), OneOf([Momentum(), Newton()], 1)])
def test_training_gives_the_loss_to_rules_that_need_it(optimizer):
    x = np.linspace(-1, 1, 32, dtype=np.float32)[:, None]
    model, history = train(
        (lambda key: {"kernel": jnp.zeros((1, 1)), "bias": jnp.zeros(1)}, line),
        (x, 2 * x[:, 0] + 1),
        optimizer=optimizer,
        steps=40,
        batch_size=32,
        validation=0,
        l2=1e-3,
    )
    assert model.evaluate(x, 2 * x[:, 0] + 1)["loss"] < 1e-4
    assert history["train_loss"][0] > history["train_loss"][-1]
