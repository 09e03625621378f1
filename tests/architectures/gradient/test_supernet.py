"""The supernet: whose rows a step sees, and how a path is judged."""

from functools import partial

import equinox as eqx
import jax
import numpy as np
import pytest

from thalweg.architectures import LayerChoice
from thalweg.architectures.gradient import METHODS
from thalweg.architectures.gradient.bilevel import TRAINING, VALIDATION
from thalweg.architectures.gradient.search import _described, _halves, _rules
from thalweg.architectures.gradient.supernet import build, judge
from thalweg.networks.layers import BatchNorm, Identity, Sequential, Zero
from thalweg.problem import Problem

RNG = np.random.default_rng(0)
X = (5 + 3 * RNG.normal(size=(60, 4))).astype(np.float32)
Y = (X[:, 0] > 5).astype(np.int64)
SIZE = 10


@pytest.fixture(scope="module")
def begun():
    """A supernet and its search before the first step."""
    choice = LayerChoice({"skip": Identity(), "none": Zero()}, label="only")
    tree = Sequential([BatchNorm(affine=False), choice])
    method, problem = METHODS["rsps"](), Problem.of(X, Y, validation=0.5)
    return build(
        method,
        _rules(0.1, None, 10),
        _described(method.describe(tree, {})),
        jax.tree.map(lambda leaf: leaf[0], problem.inputs),
        problem.outputs,
        problem.judge(),
        _halves(problem),
        batch_size=SIZE,
        steps=10,
        seed=np.uint32(0),
    )


def test_weights_and_alphas_see_a_half_each_and_all_of_it(begun):
    supernet, search = begun

    @jax.jit
    @partial(jax.vmap, in_axes=(0, None))
    def rows(step, half):
        return supernet.rows(eqx.tree_at(lambda s: s.step, search, step), half)

    for half in (TRAINING, VALIDATION):
        seen = np.asarray(rows(np.arange(30 // SIZE), half))
        own = np.asarray(supernet.data.train_rows[half])
        np.testing.assert_array_equal(np.sort(seen.ravel()), np.sort(own))


def test_paths_are_judged_by_the_statistics_of_the_rows(begun):
    supernet, search = begun
    allowed = [{"only": np.array([1.0, 0.0])}, {"only": np.array([0.0, 1.0])}]
    (skip, right), (none, _) = judge(supernet, search, allowed)
    assert none == pytest.approx(np.log(2), rel=1e-5)
    rows = np.asarray(supernet.data.validation_rows[0])
    x = (X[rows] - X[rows].mean(0)) / np.sqrt(X[rows].var(0) + 1e-5)
    kernel = supernet.network(search.weights).head.modules[-1].kernel
    z = x @ np.asarray(kernel, np.float64)
    log = z - np.log(np.exp(z).sum(1, keepdims=True))
    assert skip == pytest.approx(-log[np.arange(len(rows)), Y[rows]].mean(), rel=1e-4)
    assert right == pytest.approx((z.argmax(1) == Y[rows]).mean())
