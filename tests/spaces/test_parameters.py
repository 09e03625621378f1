"""Each kind of parameter, by the contract, by Hypothesis and by its own errors."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thalweg.core.errors import InvalidInput
from thalweg.spaces import Choice, Constant, Float, Int, Ordinal
from thalweg.testing.spaces import PARAMETER_CHECKS

CASES = [
    Float(0, 1),
    Float(-1e6, 3),
    Float(1 / 3, 2 / 3),
    Float(1000, 1000.001),
    Float(1e-300, 1e300, log=True),
    Float(1e-4, 1e-1, log=True),
    Float(0, 1, step=0.1),
    Float(-1, 1.05, step=0.25),
    Int(1, 4),
    Int(-3, 3),
    Int(7, 7),
    Int(1, 1000, log=True),
    Int(1, 6, log=True),
    Int(-(2**40), 2**40),
    Int(1, 2**40, log=True),
    Ordinal([16, 32, 64]),
    Ordinal([0.5, "half", None, True, 1]),
    Choice(["sgd", "adam", "adamw"]),
    Choice([(64, 64), [128], ()]),
    Choice([1]),
    Constant("x"),
    Constant([1, [2, 3]]),
]


@pytest.mark.parametrize("check", PARAMETER_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("parameter", CASES, ids=repr)
def test_contract(parameter, check):
    check(parameter)


finite = st.floats(-1e12, 1e12, allow_nan=False)
unit = st.lists(st.floats(0, 1), min_size=1, max_size=20).map(np.array)


@settings(deadline=None)
@given(finite, finite, unit)
def test_any_interval_round_trips(a, b, u):
    low, high = min(a, b), max(a, b)
    if not low < high - 1e-12 * max(abs(low), abs(high)):
        return
    parameter = Float(low, high)
    values = parameter.decode(u)
    assert all(low <= v <= high for v in values)
    assert parameter.decode(parameter.encode(values)) == values
    near = low + u * (high - low)
    size = max(abs(low), abs(high))
    np.testing.assert_allclose(
        values, near, rtol=0, atol=1e-11 * (high - low) + 1e-13 * size
    )


@settings(deadline=None)
@given(st.floats(-250, 50), st.floats(0.001, 250), unit)
def test_any_logarithmic_interval_round_trips(exponent, decades, u):
    low, high = 10**exponent, 10 ** (exponent + decades)
    parameter = Float(low, high, log=True)
    values = parameter.decode(u)
    assert all(low <= v <= high for v in values)
    assert parameter.decode(parameter.encode(values)) == values
    np.testing.assert_allclose(
        np.log(values), np.log(low) + u * (np.log(high) - np.log(low)), atol=1e-8
    )


@settings(deadline=None)
@given(st.integers(1, 10**6), st.integers(0, 10**6), st.booleans())
def test_any_whole_number_round_trips(low, width, log):
    parameter = Int(low, low + width, log=log)
    values = [low, low + width // 2, low + width]
    assert parameter.decode(parameter.encode(values)) == values


def test_a_logarithmic_scale_halves_its_range_at_the_geometric_mean():
    assert Float(1e-4, 1e-2, log=True).decode(np.array([0.5])) == [1e-3]
    share = np.mean(
        np.array(Int(1, 10**4, log=True).decode(np.linspace(0, 1, 9999))) <= 100
    )
    assert share == pytest.approx(0.5, abs=0.05)


def test_cells_of_listed_values_are_equally_wide():
    values = Choice(["a", "b", "c", "d"]).decode((np.arange(400) + 0.5) / 400)
    assert [values.count(v) for v in "abcd"] == [100] * 4


def test_steps_reach_the_end_and_are_written_plainly():
    assert Float(0, 1, step=0.1).levels == 11
    assert Float(0, 0.5, step=0.1).decode(np.linspace(0, 1, 6)) == [
        0.0,
        0.1,
        0.2,
        0.3,
        0.4,
        0.5,
    ]
    assert Float(0, 1, step=0.4).decode(np.array([1.0])) == [0.8]


def test_true_is_not_one_but_one_is():
    parameter = Choice([True, 2.0])
    assert parameter.validate(2) == 2.0
    with pytest.raises(InvalidInput, match="holds no 1"):
        parameter.validate(1)


def test_numpy_scalars_are_taken():
    assert Int(1, 4).validate(np.int32(3)) == 3
    assert Int(1, 4).validate(3.0) == 3
    assert Float(0, 1).validate(np.float32(0.5)) == 0.5
    assert Choice(["a"]).validate(np.str_("a")) == "a"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Float(1, 1), "low < high"),
        (lambda: Float(0, 1, log=True), "low > 0"),
        (lambda: Float(math.nan, 1), "`low` must be a finite number"),
        (lambda: Float("0", 1), "`low` must be a finite number"),
        (lambda: Float(-1e308, 1e308), "high - low"),
        (lambda: Float(0, 1, step=2), "step"),
        (lambda: Float(1, 2, step=0.1, log=True), "exclude each other"),
        (lambda: Int(3, 2), "low <= high"),
        (lambda: Int(0, 2, log=True), "low >= 1"),
        (lambda: Int(1.5, 2), "whole number"),
        (lambda: Int(0, 2**41), "2\\*\\*40"),
        (lambda: Int(True, 2), "finite number"),
        (lambda: Choice([]), "at least one"),
        (lambda: Choice("abc"), "list of values"),
        (lambda: Choice(["a", "a"]), "twice"),
        (lambda: Ordinal([1, 1.0]), "twice"),
        (lambda: Choice([object()]), "Use a name"),
        (lambda: Ordinal([math.inf]), "finite"),
        (lambda: Float(0, 1).when("a", "b"), r"when\('a', \['b'\]\)"),
        (lambda: Float(0, 1).when("a", []), "never exist"),
        (lambda: Float(0, 1).validate(2), "holds no 2"),
        (lambda: Float(0, 1, step=0.5).validate(0.3), "between steps"),
        (lambda: Int(0, 1).validate(2), "holds no 2"),
        (lambda: Constant(3).validate(4), "holds no 4"),
    ],
)
def test_errors_say_the_rule(make, words):
    with pytest.raises(InvalidInput, match=words):
        make()


def test_representation_is_the_code_that_makes_it():
    for parameter in CASES:
        made = parameter.when("p", ["x", (1, 2)])
        assert eval(repr(made)) == made
