"""L-BFGS: PyTorch's steps, the strong Wolfe conditions, and bad luck survived."""

import json
from functools import partial
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from losses import LOSSES
from scipy.optimize import minimize

from thalweg.core.errors import InvalidInput
from thalweg.optimizers import LBFGS, ClipByGlobalNorm, Objective, chain
from thalweg.optimizers.strong_wolfe import Point, StrongWolfe

# one function each, so that programs are shared between tests
OURS = {name: partial(loss, jnp) for name, (_, loss) in LOSSES.items()}
RECORDED = json.loads((Path(__file__).parent / "line_searches.json").read_text())


def counted(loss):
    """The objective, and a list that grows with each evaluation."""
    calls = []

    def value_and_grad(x):
        jax.debug.callback(lambda: calls.append(1))
        return jax.value_and_grad(loss)(x)

    return Objective(loss, value_and_grad), calls


@eqx.filter_jit
def minimised(optimizer, loss, start, steps):
    """The points passed, the start first."""

    def step(carry, _):
        x, state = carry
        _, updates, state = optimizer.step(Objective.of(loss), state, x)
        x = jax.tree.map(jnp.add, x, updates)
        return (x, state), x

    carry = (start, optimizer.init(start))
    _, path = jax.lax.scan(step, carry, None, length=steps)
    return jnp.concatenate([start[None], path])


@pytest.mark.parametrize(
    "case", RECORDED["cases"], ids=lambda c: f"{c['loss']}, {c['memory']} pairs"
)
def test_every_step_and_evaluation_is_pytorchs(x64, case):
    """Each from PyTorch's last point: a valley's turns magnify rounding errors."""
    start, _ = LOSSES[case["loss"]]
    objective, calls = counted(OURS[case["loss"]])
    optimizer = LBFGS(memory=case["memory"])
    x = jnp.asarray(start)
    state, step = optimizer.init(x), eqx.filter_jit(optimizer.step)
    size = np.abs(start)
    for expected, evaluations in zip(case["params"], case["evaluations"], strict=True):
        _, updates, state = step(objective, state, x)
        jax.effects_barrier()
        assert len(calls) == evaluations
        size = np.maximum(size, np.abs(expected))
        assert np.max(np.abs(x + updates - np.array(expected)) / size) < 1e-10
        last = jnp.asarray(expected) - x
        np.testing.assert_allclose(state.last, updates)
        x, state = x + last, eqx.tree_at(lambda s: s.last, state, last)


def test_the_first_steps_are_pytorchs_without_its_help(x64):
    for case in RECORDED["cases"][1::2]:
        start, _ = LOSSES[case["loss"]]
        path = minimised(LBFGS(), OURS[case["loss"]], jnp.asarray(start), 25)
        known = min(12, len(case["params"]))
        expected = case["params"][:known]
        np.testing.assert_allclose(path[1 : known + 1], expected, 1e-12, 1e-12)


@pytest.mark.parametrize(
    ("decrease", "flatter"), [(1e-4, 0.9), (1e-4, 0.1), (0.1, 0.2), (1e-4, 1e-3)]
)
@pytest.mark.parametrize("name", ["rosenbrock of 6", "logistic"])
def test_steps_keep_the_strong_wolfe_conditions(x64, name, decrease, flatter):
    start, objective = LOSSES[name][0], OURS[name]
    optimizer = LBFGS(decrease=decrease, flatter=flatter)
    path = minimised(optimizer, objective, jnp.asarray(start), 25)
    value, grad = jax.vmap(jax.value_and_grad(objective))(path)
    there = np.linalg.norm(grad, axis=1) > 1e-6  # rounding hides the rest
    moves = np.diff(path, axis=0)
    before, after = (np.sum(g * moves, 1) for g in (grad[:-1], grad[1:]))
    kept = (value[1:] <= value[:-1] + decrease * before) & (
        np.abs(after) <= flatter * np.abs(before)
    )
    assert kept[there[:-1]].all()
    assert there[:5].all()


def test_searches_of_wavy_lines_end_where_they_should(x64):
    """Hundreds of sums of sines that fall at first, and rise at last."""
    random = np.random.default_rng(0)
    size, pace, shift = (
        jnp.asarray(low + (high - low) * random.random((300, 4)))
        for low, high in [(-1, 1), (0.3, 6), (0, 6)]
    )
    first = jnp.asarray(10.0 ** random.uniform(-2, 1, 300))

    @jax.vmap
    def search(size, pace, shift, first):
        def wave(t):
            return jnp.sum(size * jnp.sin(pace * t + shift)) + 0.02 * t**2

        value, slope = jax.value_and_grad(wave)(0.0)
        down = -jnp.sign(slope)

        def at(t):
            value, slope = jax.value_and_grad(wave)(down * t)
            return Point(t, value, down * slope)

        start = Point(jnp.zeros(()), value, down * slope)
        rule = StrongWolfe(jnp.asarray(1e-3), jnp.asarray(0.1), 40)
        return start, rule.search(at, start, first)

    start, found = search(size, pace, shift, first)
    assert found.done.all()
    end = found.low
    assert (end.value <= start.value + 1e-3 * end.step * start.slope).all()
    assert (jnp.abs(end.slope) <= -0.1 * start.slope).all()
    assert jnp.mean(found.evaluations) < 6


def test_a_quadratic_of_n_numbers_takes_n_steps(x64):
    """With exact line searches, and one to begin with: conjugate directions."""
    curvatures = jnp.array([1.0, 3.0, 10.0, 40.0, 200.0])
    turn = jnp.linalg.qr(jnp.asarray(np.random.default_rng(0).normal(size=(5, 5))))[0]
    matrix = turn @ jnp.diag(curvatures) @ turn.T
    optimizer = LBFGS(decrease=1e-11, flatter=1e-10, max_evaluations=60)
    path = minimised(optimizer, lambda x: 0.5 * x @ matrix @ x, jnp.ones(5), 5)
    sizes = np.linalg.norm(path, axis=1)
    assert sizes[4] > 1e-3
    assert sizes[5] < 1e-8


@pytest.mark.parametrize("name", ["rosenbrock", "quadratic", "logistic"])
def test_the_minimum_is_scipys_in_as_many_evaluations(x64, name):
    start = LOSSES[name][0]
    objective, calls = counted(OURS[name])
    value, grad = (jax.jit(f) for f in (objective.value, jax.grad(objective.value)))
    found = minimize(
        value, start, jac=grad, method="L-BFGS-B", options={"ftol": 0, "gtol": 1e-5}
    )
    optimizer, x = LBFGS(), jnp.asarray(start)
    state, step = optimizer.init(x), eqx.filter_jit(optimizer.step)
    steps = 0
    while jnp.max(jnp.abs(grad(x))) > 1e-5:
        _, updates, state = step(objective, state, x)
        x, steps = x + updates, steps + 1
    jax.effects_barrier()
    np.testing.assert_allclose(x, found.x, atol=1e-4)
    assert len(calls) - steps <= 1.5 * found.nfev + 5  # those at the start are anew


def test_members_search_as_they_do_alone():
    start = LOSSES["rosenbrock"][0]
    starts = jnp.array([start, [2.0, -1.0], [0.0, 0.0]])

    def final(rate, flatter, x):
        optimizer = LBFGS(rate, flatter=flatter)
        return minimised(optimizer, OURS["rosenbrock"], x, 40)[-1]

    hypers = jnp.array([1.0, 0.5, 1.0]), jnp.array([0.9, 0.5, 0.1])
    together = jax.vmap(final)(*hypers, starts)
    np.testing.assert_allclose(together, np.ones((3, 2)), atol=2e-3)
    for i in range(3):
        alone = final(*(h[i] for h in hypers), starts[i])
        np.testing.assert_allclose(together[i], alone, rtol=2e-3)
    broken = jax.vmap(final)(*hypers, starts.at[1].set(jnp.nan))
    np.testing.assert_array_equal(broken[::2], together[::2])
    assert jnp.isnan(broken[1]).all()


def test_losses_beyond_the_domain_are_too_far(x64):
    """NaN and infinity are where a trial is, not where a step ends."""

    def barrier(x):
        return -jnp.sum(jnp.log(1 - x) + jnp.log(x + 0.1)) - 40 * jnp.sum(x)

    path = minimised(LBFGS(100.0), barrier, jnp.array([0.0, 0.5]), 20)
    assert np.isfinite(path).all()
    np.testing.assert_allclose(jax.grad(barrier)(path[-1]), 0.0, atol=1e-5)


def test_a_search_without_success_stays_and_forgets():
    def uphill(x):
        return jnp.sum(x**2), -2 * x

    objective = Objective(lambda x: jnp.sum(x**2), uphill)
    optimizer, x = LBFGS(), jnp.array([1.0, -2.0])
    state = optimizer.init(x)
    state = eqx.tree_at(lambda s: s.pairs, state, state.pairs.add(x, x))
    value, updates, state = optimizer.step(objective, state, x)
    assert value == 5.0
    np.testing.assert_array_equal(updates, jnp.zeros(2))
    assert state.pairs.count == 0
    _, updates, _ = optimizer.step(Objective.of(lambda x: jnp.sum(x**2)), state, x)
    assert jnp.sum((x + updates) ** 2) < 4


def test_no_step_is_made_from_nothing():
    """At the minimum, and along a plane, all stays finite."""
    for loss in (lambda x: jnp.sum(x**2), lambda x: 0 * jnp.sum(x)):
        path = minimised(LBFGS(), loss, jnp.zeros(3), 5)
        np.testing.assert_array_equal(path, jnp.zeros((6, 3)))
    path = minimised(LBFGS(), lambda x: jnp.sum(x), jnp.zeros(3), 3)
    assert np.isfinite(path).all()
    assert (path[1:] < 0).all()


def test_pairs_without_curvature_are_left_out():
    optimizer, x = LBFGS(0.1), jnp.ones(2)
    state = optimizer.init(x)
    counts = []
    for g in ([1.0, 2.0], [1.0, 2.0], [2.0, 3.0], [1.0, 1.0], [0.5, 0.5]):
        updates, state = optimizer.update(jnp.array(g), state, x)
        counts.append(int(state.pairs.count))
        x = x + updates
    assert counts == [0, 0, 0, 1, 2]  # the third: the gradient grew downhill


def test_a_ring_of_pairs_keeps_the_newest(x64):
    """With as many pairs as numbers, Newton's direction on a quadratic; then again."""
    random = np.random.default_rng(0)
    matrix = random.normal(size=(3, 3))
    matrix = jnp.asarray(matrix @ matrix.T + np.eye(3))
    pairs = LBFGS(memory=3).init(jnp.zeros(3)).pairs
    for step in [*random.normal(size=(4, 3)), *np.linalg.eigh(matrix)[1].T]:
        pairs = pairs.add(jnp.asarray(step), matrix @ step)
    gradient = jnp.asarray(random.normal(size=3))
    expected = jnp.linalg.solve(matrix, gradient)
    np.testing.assert_allclose(pairs.newton(gradient), expected, rtol=1e-10)
    newest = jnp.asarray(random.normal(size=3))  # the last secant equation always holds
    pairs = pairs.add(newest, matrix @ newest)
    np.testing.assert_allclose(pairs.newton(matrix @ newest), newest, rtol=1e-10)


def test_batches_may_change_between_steps():
    """The loss is evaluated anew, and stays finite on pairs of other batches."""
    random = np.random.default_rng(0)
    rows = jnp.asarray(random.normal(size=(30, 8, 3)), jnp.float32)
    optimizer, x = LBFGS(), jnp.zeros(3)

    def step(carry, batch):
        x, state = carry
        target = batch @ jnp.array([1.0, -2.0, 0.5]) + 0.1 * jnp.sin(9 * batch[:, 0])

        def loss(x):
            return jnp.mean((batch @ x - target) ** 2)

        value, updates, state = optimizer.step(Objective.of(loss), state, x)
        return (x + updates, state), (value, loss(x))

    (x, _), (values, losses) = jax.lax.scan(step, (x, optimizer.init(x)), rows)
    np.testing.assert_array_equal(values, losses)
    assert values[-5:].max() < 0.1 < values[0]


def test_trees_in_half_precision():
    params = {"a": jnp.ones((2, 2), jnp.bfloat16), "b": jnp.ones((), jnp.float32)}
    optimizer = LBFGS()
    state = optimizer.init(params)

    def loss(p):
        return jnp.sum(jnp.square(p["a"].astype(jnp.float32))) + (p["b"] - 3) ** 2

    @jax.jit
    def step(state, params):
        value, updates, state = optimizer.step(Objective.of(loss), state, params)
        return value, jax.tree.map(jnp.add, params, updates), state

    for _ in range(8):
        value, params, state = step(state, params)
    assert params["a"].dtype == jnp.bfloat16
    assert state.gradient.dtype == jnp.float32
    assert value < 1e-3


def test_a_gradient_alone_is_a_step_of_fixed_length():
    x = jnp.array([1.0, -2.0])
    optimizer = LBFGS(0.5, line_search="none")
    expected, _ = LBFGS(0.5).update(x, LBFGS().init(x), x)
    _, got, _ = optimizer.step(Objective.of_gradient(x), optimizer.init(x), x)
    np.testing.assert_array_equal(got, expected)
    np.testing.assert_allclose(got, -0.5 * x / 3, rtol=1e-6)
    searching = chain(ClipByGlobalNorm(1.0), LBFGS())
    with pytest.raises(InvalidInput, match="points of its own choice"):
        searching.update(x, searching.init(x), x)
    with pytest.raises(InvalidInput, match="`memory` must be at least 1"):
        LBFGS(memory=0)
    with pytest.raises(InvalidInput, match="decrease < flatter"):
        LBFGS(decrease=0.5, flatter=0.1)
