"""Every schedule: its formula, its boundaries, its oracle, and the room's contract."""

import inspect

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from thalweg import schedules
from thalweg.core.errors import InvalidInput, UnknownName
from thalweg.schedules import (
    REX,
    SCHEDULES,
    AbstractSchedule,
    Constant,
    Cosine,
    CosLog4,
    Cyclic,
    Exponential,
    FlatCosine,
    HalfLifeWarmup,
    InverseTime,
    Joined,
    Linear,
    MultiStep,
    OneCycle,
    OneOf,
    Piecewise,
    Polynomial,
    Product,
    Restarts,
    Step,
    Warmup,
    WarmupCosine,
    WarmupStableDecay,
    as_schedule,
    resolve,
)
from thalweg.testing.oracles import recorded

RECORDED = {
    name: rates
    for file in ("by_step", "of_keras", "of_pytorch_optimizer")
    for name, rates in recorded(f"schedules/{file}")["rates"].items()
}
HORIZON = 100


# Keras' takes pi in single precision
TOLERANCE = {"restarts_falling": 1e-6}


@eqx.filter_jit
def _values(schedule, steps):
    return jax.vmap(schedule)(steps)


def values(schedule, steps=HORIZON):
    return np.asarray(_values(schedule, np.arange(steps, dtype=np.int32)))


@pytest.mark.parametrize(
    ("name", "schedule"),
    [
        ("one_cycle", lambda: OneCycle(1.0, 50)),
        (
            "one_cycle_all",
            lambda: OneCycle(1.0, 40, warmup=0.2, div_factor=10, final_div_factor=100),
        ),
        ("cosine", lambda: Cosine(1.0, 40, end=0.1)),
        ("step", lambda: Step(1.0, every=7, factor=0.5)),
        ("multistep", lambda: MultiStep(1.0, boundaries=(5, 6, 30))),
        ("polynomial", lambda: Polynomial(1.0, 30, power=1.5)),
        ("exponential", lambda: Exponential(1.0, factor=0.9)),
        ("restarts", lambda: Restarts(1.0, cycle=5, growth=3, end=0.1)),
        ("restarts_alike", lambda: Restarts(1.0, cycle=7, growth=1)),
        ("restarts_falling", lambda: Restarts(1.0, cycle=6, factor=0.5)),
        ("triangular", lambda: Cyclic(1.0, cycle=8)),
        ("triangular2", lambda: Cyclic(1.0, cycle=10, up=0.3, factor=0.5)),
        (
            "exp_range",
            lambda: Cyclic(1.0, 8, cycle=1, up=0.75, factor=0.9**8, staircase=False),
        ),
        ("rex", lambda: REX(1.0, 40, end=0.1)),
    ],
)
def test_recorded(x64, name, schedule):
    expected = RECORDED[name]
    got = values(schedule(), len(expected))
    assert got.dtype == np.float64
    rtol = TOLERANCE.get(name, 1e-10)
    np.testing.assert_allclose(got, expected, rtol=rtol, atol=1e-15)


@pytest.mark.parametrize(
    ("shape", "end"), [("1-sqrt", 0.0), ("linear", 0.0), ("cosine", 0.1)]
)
def test_warmup_stable_decay(x64, shape, end):
    """Its warm-up is the recorded one a step later, which begins with a lost step."""
    schedule = WarmupStableDecay(1.0, 40, warmup=0.2, decay=0.3, end=end, shape=shape)
    expected = RECORDED[f"stable_{shape}"]
    expected = expected[1:9] + expected[8:]
    np.testing.assert_allclose(values(schedule, 45), expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(
    ("schedule", "oracle"),
    [
        (
            lambda: Exponential(0.3, 10, factor=0.5),
            lambda: optax.exponential_decay(0.3, 10, 0.5),
        ),
        (
            lambda: Exponential(0.3, 10, factor=0.5, staircase=True),
            lambda: optax.exponential_decay(0.3, 10, 0.5, staircase=True),
        ),
        (lambda: Linear(0.3, 60, end=0.1), lambda: optax.linear_schedule(0.3, 0.1, 60)),
        (
            lambda: Polynomial(0.3, 60, power=3, end=0.1),
            lambda: optax.polynomial_schedule(0.3, 0.1, 3, 60),
        ),
        (lambda: Cosine(0.3, 60), lambda: optax.cosine_decay_schedule(0.3, 60)),
        (
            lambda: FlatCosine(0.3, 60, flat=0.5),
            lambda: optax.join_schedules(
                [optax.constant_schedule(0.3), optax.cosine_decay_schedule(0.3, 30)],
                [30],
            ),
        ),
        (
            lambda: MultiStep(0.3, 40, boundaries=(0.25, 0.75), factor=0.5),
            lambda: optax.piecewise_constant_schedule(0.3, {10: 0.5, 30: 0.5}),
        ),
        (
            lambda: Piecewise((0.3, 0.6, 0.06), (0.5, 1.0), steps=60),
            lambda: optax.piecewise_constant_schedule(0.3, {30: 2.0, 60: 0.1}),
        ),
        *(
            (
                lambda shape=shape: Piecewise((0.3, 0.6, 0.06), (30, 70), shape=shape),
                lambda shape=shape: optax.piecewise_interpolate_schedule(
                    shape, 0.3, {30: 2.0, 70: 0.1}
                ),
            )
            for shape in ("linear", "cosine")
        ),
        (
            lambda: Joined([0.1, Linear(0.3, 20), Exponential(0.2, 10)], (10, 45)),
            lambda: optax.join_schedules(
                [
                    optax.constant_schedule(0.1),
                    optax.linear_schedule(0.3, 0.0, 20),
                    optax.exponential_decay(0.2, 10, 0.01),
                ],
                [10, 45],
            ),
        ),
        (
            lambda: Restarts(0.3, cycle=20, growth=1.0, factor=0.5),
            lambda: optax.join_schedules(
                [optax.cosine_decay_schedule(0.3 * 0.5**i, 20) for i in range(5)],
                [20, 40, 60, 80],
            ),
        ),
    ],
)
def test_optax(schedule, oracle):
    oracle = oracle()
    expected = [float(oracle(jnp.asarray(step))) for step in range(HORIZON)]
    np.testing.assert_allclose(values(schedule()), expected, rtol=2e-6, atol=1e-8)


def test_warmup_never_wastes_the_first_step_and_is_part_of_the_horizon():
    got = values(WarmupCosine(0.5, 50, warmup=0.2, end=0.1), 60)
    rise = 0.5 * np.arange(1, 11) / 10  # peak/W, ..., peak
    np.testing.assert_allclose(got[:10], rise, rtol=1e-6)
    fall = 0.1 + 0.4 * 0.5 * (1 + np.cos(np.pi * np.arange(41) / 40))
    np.testing.assert_allclose(got[10:51], fall, rtol=1e-5)
    np.testing.assert_allclose(got[50:], 0.1, rtol=1e-5)


def test_warmup_of_no_steps_is_a_cosine():
    got = values(WarmupCosine(0.5, 50, warmup=0.0))
    np.testing.assert_allclose(got, values(Cosine(0.5, 50)), rtol=1e-6, atol=1e-9)


def test_a_warmup_reaches_its_peak_and_stays_there():
    got = values(Warmup(0.5, 50, warmup=0.2), 60)
    np.testing.assert_allclose(got[:10], 0.5 * np.arange(1, 11) / 10, rtol=1e-6)
    assert (got[9:] == 0.5).all()
    assert (values(Warmup(0.5, 50, warmup=0.0)) == 0.5).all()


def test_half_lives_grow_along_a_line(x64):
    got = np.log(0.5) / np.log(values(HalfLifeWarmup(0.999, 40, start=0.8), 60))
    first, last = np.log(0.5) / np.log([0.8, 0.999])
    part = np.minimum(np.arange(1, 61) / 40, 1)
    np.testing.assert_allclose(got, first + (last - first) * part, rtol=1e-10)


@pytest.mark.parametrize(
    ("growth", "cycles"), [(1.0, 9), (1.5, 9), (2.0, 19), (3.0, 9)]
)
def test_a_cycle_begins_exactly_at_its_boundary(growth, cycles):
    """In single precision too, where a logarithm may miss a whole number."""
    starts = np.round(11 * np.cumsum(growth ** np.arange(cycles))).astype(np.int32)
    starts = np.concatenate([np.zeros(1, np.int32), starts])
    schedule = Restarts(1.0, cycle=11, growth=growth, factor=0.5)
    first, last = _values(schedule, starts), _values(schedule, starts[1:] - 1)
    np.testing.assert_allclose(first, 0.5 ** np.arange(cycles + 1), rtol=1e-6)
    assert (last < 0.03 * first[:-1]).all()


def test_a_cycle_reaches_both_bounds():
    got = values(Cyclic(1.0, HORIZON, up=0.5, div_factor=10))
    assert got.max() == 1.0
    assert got.min() == np.float32(0.1)
    saw = values(Cyclic(1.0, cycle=10, up=0.0))
    np.testing.assert_allclose(saw[:11], [*np.linspace(1, 0.325, 10), 1.0], rtol=1e-6)


def test_equal_boundaries_make_a_jump():
    got = values(Piecewise((0.0, 1.0, 3.0, 4.0), (4, 4, 6), shape="linear"), 8)
    np.testing.assert_allclose(got, [0, 0.25, 0.5, 0.75, 3, 3.5, 4, 4])


def test_what_is_joined_may_overflow_before_its_start():
    schedule = Joined([2.0, Exponential(1.0, factor=1e-6)], (40,))
    slopes = jax.grad(lambda s: s(jnp.asarray(1)))(schedule)
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(slopes))


def test_tables_are_leaves():
    @jax.jit
    @jax.vmap
    def at_5(scale):
        table = Piecewise(scale * jnp.ones(3), scale * jnp.array([1.0, 2.0]))
        both = Joined([0.0, table], scale[None])
        return both(jnp.asarray(5))

    np.testing.assert_allclose(at_5(jnp.array([1.0, 2.0, 8.0])), [1.0, 2.0, 0.0])


def test_inverse_time():
    t = np.arange(HORIZON)
    got = values(InverseTime(0.3, 10, rate=2.0))
    np.testing.assert_allclose(got, 0.3 / (1 + 0.2 * t), rtol=1e-6)
    got = values(InverseTime(0.3, 10, rate=2.0, staircase=True))
    np.testing.assert_allclose(got, 0.3 / (1 + 2.0 * (t // 10)), rtol=1e-6)


def test_coslog4_has_four_cycles_that_double(x64):
    t = np.arange(HORIZON) / HORIZON
    expected = 0.3 * 0.5 * (1 - np.cos(2 * np.pi * np.log2(1 + 15 * t)))
    np.testing.assert_allclose(values(CosLog4(0.3, HORIZON)), expected, atol=1e-15)
    zeros = values(CosLog4(0.3, 15), 16)[[0, 1, 3, 7, 15]]
    np.testing.assert_allclose(zeros, 0, atol=1e-15)


def test_the_new_value_holds_at_the_boundary():
    assert values(MultiStep(1.0, boundaries=(3,)), 5).round(3).tolist() == [
        1.0,
        1.0,
        1.0,
        np.float32(0.1).round(3),
        np.float32(0.1).round(3),
    ]
    np.testing.assert_allclose(values(Step(1.0, every=2), 5), [1, 1, 0.1, 0.1, 0.01])


def test_lengths_are_fractions_of_the_horizon():
    np.testing.assert_array_equal(
        values(MultiStep(1.0, HORIZON)), values(MultiStep(1.0, boundaries=(50, 75)))
    )
    np.testing.assert_array_equal(values(Step(1.0, 99)), values(Step(1.0, every=33)))


def test_an_endless_schedule_holds_its_last_value():
    for kind in (
        Polynomial,
        Linear,
        Cosine,
        WarmupCosine,
        FlatCosine,
        CosLog4,
        REX,
        Warmup,
        WarmupStableDecay,
    ):
        got = values(kind(1.0, 10), 40)
        np.testing.assert_allclose(got[10:], got[10], atol=1e-6)


# -- the room's contract


@pytest.mark.parametrize("name", SCHEDULES)
def test_made_alike_in_single_precision_and_with_finite_derivatives(name):
    schedule = SCHEDULES[name](0.1, steps=HORIZON)
    got = values(schedule, HORIZON + 2)
    assert got.dtype == np.float32
    assert (got >= 0).all()
    assert got.max() == pytest.approx(0.1, rel=2e-3)
    slopes = jax.grad(lambda s: jax.vmap(s)(jnp.arange(HORIZON + 2)).sum())(schedule)
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(slopes))


@pytest.mark.parametrize("name", SCHEDULES)
def test_all_parameters_are_leaves(name):
    traces = []

    @eqx.filter_jit
    def at(schedule, step):
        traces.append(1)
        return schedule(step)

    for peak, steps in ((0.1, 10), (0.2, 20)):
        schedule = SCHEDULES[name](peak, steps=steps)
        assert all(eqx.is_array(x) for x in jax.tree.leaves(schedule))
        at(schedule, jnp.asarray(3))
    assert len(traces) == 1


def test_every_schedule_is_in_the_registry():
    kinds = {
        kind
        for kind in vars(schedules).values()
        if inspect.isclass(kind) and issubclass(kind, AbstractSchedule)
    }
    others = {AbstractSchedule, HalfLifeWarmup, Joined, OneOf, Piecewise, Product}
    assert kinds - set(SCHEDULES.values()) == others


def test_one_of_is_the_one_named_and_its_index_may_be_data():
    kinds = [SCHEDULES[name](0.1, steps=HORIZON) for name in SCHEDULES]
    at_17 = jax.jit(jax.vmap(lambda i: OneOf(kinds, i)(jnp.asarray(17))))
    got = at_17(jnp.arange(len(kinds)))
    expected = [kind(jnp.asarray(17)) for kind in kinds]
    np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_resolve_evaluates_the_outermost_schedules_only():
    tree = {"a": OneOf([1.0, Linear(1.0, 10)], 1), "b": jnp.ones(2), "c": None}
    got = resolve(tree, jnp.asarray(5))
    assert got["a"] == 0.5
    assert got["b"] is tree["b"]


def test_numbers_and_products():
    both = Product(as_schedule(3.0), as_schedule(Linear(1.0, 10)))
    np.testing.assert_allclose(both(jnp.asarray(5)), 1.5)
    assert isinstance(as_schedule(np.float32(2)), Constant)
    assert as_schedule(both) is both


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Cosine(0.1, 0), "must be positive, but got 0"),
        (lambda: Step(0.1), "after at least one step"),
        (lambda: as_schedule("cosine"), "but got str"),
        (lambda: OneOf([Constant(1.0)], 1), "one of 1 alternatives, but got 1"),
        (lambda: OneOf([], 0), "at least one"),
        (lambda: Restarts(0.1), "at least one step, but got 0.14"),
        (lambda: Restarts(0.1, 9, growth=0.5), "at least 1, but got 0.5"),
        (lambda: Cyclic(0.1), "at least one step"),
        (lambda: WarmupStableDecay(0.1, 9, shape="sqrt"), "one of 1-sqrt"),
        (lambda: WarmupStableDecay(0.1, 9, decay=1.0), "fit in the horizon"),
        (lambda: Piecewise((1, 2), (3, 4)), "got 2 values and 2 boundaries"),
        (lambda: Piecewise((1, 2, 3), (4, 3)), "ascending order, but got"),
        (lambda: Piecewise((1, 2), (4,), shape="log"), "one of constant"),
        (lambda: Joined([1.0], (4,)), "1 schedules and 1 boundaries"),
        (lambda: Joined([1.0, 2.0], (-4,)), "ascending order, but got"),
    ],
)
def test_errors(make, says):
    with pytest.raises(InvalidInput, match=says):
        make()


def test_unknown_name_suggests_the_nearest():
    with pytest.raises(UnknownName, match="Did you mean 'cosine'"):
        SCHEDULES["cosin"]
