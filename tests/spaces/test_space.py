"""The space: conditions, canonical form, counting, narrowing and its errors."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thalweg.core.errors import InvalidInput, UnknownName
from thalweg.proposers.lattice import Lattice
from thalweg.spaces import (
    Choice,
    Constant,
    Float,
    Int,
    Ordinal,
    Space,
    first_unseen,
    row_keys,
)

RECIPE = Space(
    {
        "nesterov": Choice([False, True]).when("momentum", [1, 2]),  # before its parent
        "learning_rate": Float(1e-4, 1e-1, log=True),
        "optimizer": Choice(["sgd", "adam", "adamw"]),
        "momentum": Int(0, 2).when("optimizer", ["sgd"]),
        "decay": Float(0, 1).when("optimizer", ["sgd", "adamw"]),
        "width": Ordinal([16, 32, 64]),
        "task": Constant("digits"),
    }
)


def cube(n, dim=RECIPE.dim, seed=0):
    return np.random.default_rng(seed).random((n, dim))


@st.composite
def spaces(draw):
    """Random spaces whose parameters may hang on any that come before them."""
    parameters = {}
    for i in range(draw(st.integers(1, 6))):
        made = draw(
            st.sampled_from(
                [
                    Int(0, 2),
                    Int(1, 5, log=True),
                    Choice(["a", "b", "c"]),
                    Ordinal([1, 10]),
                    Float(0, 1, step=0.5),
                    Constant(7),
                ]
            )
        )
        parents = [n for n, p in parameters.items() if not isinstance(p, Float)]
        for name in draw(st.lists(st.sampled_from(parents or [None]), max_size=2)):
            if name is not None:
                every = parameters[name].decode(np.linspace(0, 1, 60))
                values = draw(st.lists(st.sampled_from(every), min_size=1, max_size=2))
                made = made.when(name, values)
        parameters[f"p{i}"] = made
    return Space(parameters)


@given(spaces(), st.integers(0, 1000))
@settings(deadline=None, max_examples=60)
def test_any_space_round_trips(space, seed):
    u = cube(40, space.dim, seed)
    configs = space.decode(u)
    encoded = space.encode(configs)
    assert space.decode(encoded) == configs
    np.testing.assert_array_equal(space.encode(space.decode(encoded)), encoded)
    np.testing.assert_array_equal(space.canonical(u), encoded)
    np.testing.assert_array_equal(space.canonical(encoded), encoded)
    np.testing.assert_array_equal(space.active(u), space.active(encoded))
    assert Space.from_json(space.to_json()) == space
    for config in configs:
        assert space.validate(config) == config


@given(spaces())
@settings(deadline=None, max_examples=30)
def test_size_counts_what_the_lattice_lists(space):
    points = Lattice(space).points()
    assert first_unseen(points, set()).all()
    np.testing.assert_array_equal(space.canonical(points), points)
    assert space.size == len(points)
    met = set(row_keys(space.canonical(cube(300, space.dim))))
    assert met <= set(row_keys(points))


def test_absent_parameters_are_left_out_and_ignored():
    u = cube(500)
    configs = RECIPE.decode(u)
    for config in configs:
        sgd = config["optimizer"] == "sgd"
        assert ("momentum" in config) == sgd
        assert ("decay" in config) == (config["optimizer"] != "adam")
        assert ("nesterov" in config) == (sgd and config["momentum"] > 0)
        assert config["task"] == "digits"
    absent = ~RECIPE.active(u)
    assert absent.any()
    moved = np.where(absent, 1 - u, u)
    assert RECIPE.decode(moved) == configs
    assert (RECIPE.canonical(u)[absent] == 0.5).all()


def test_the_cube_has_no_dimension_for_one_value():
    assert RECIPE.dim == 6
    assert "task" not in RECIPE.dimensions
    assert RECIPE.kinds == (
        "choice",
        "numeric",
        "choice",
        "numeric",
        "numeric",
        "ordinal",
    )
    assert RECIPE.levels == (2, None, 3, 3, None, 3)
    order = [RECIPE.dimensions[j] for j in RECIPE.parents_first]
    assert order.index("optimizer") < order.index("momentum") < order.index("nesterov")
    only = Space({"a": Constant(1)})
    assert only.decode(np.zeros((2, 0))) == [{"a": 1}, {"a": 1}]
    assert only.encode([{"a": 1}]).shape == (1, 0)
    assert (only.size, RECIPE.size) == (1, math.inf)


def test_fixing_drops_what_can_no_longer_exist():
    fixed = RECIPE.with_fixed(optimizer="adam")
    assert list(fixed.parameters) == ["learning_rate", "optimizer", "width", "task"]
    assert fixed.dim == 2
    inner = RECIPE.with_fixed(momentum=0)
    assert "nesterov" not in inner.parameters
    assert all(
        ("momentum" in c) == (c["optimizer"] == "sgd")
        for c in inner.decode(cube(50, 4))
    )
    with pytest.raises(UnknownName, match="momentum"):
        RECIPE.with_fixed(momentun=0.1)


def test_restricting_keeps_the_conditions_that_can_hold():
    narrow = RECIPE.restrict(
        optimizer=["adam", "adamw"], learning_rate=(1e-3, 1e-2), width=[64]
    )
    assert set(narrow.parameters) == {
        "learning_rate",
        "optimizer",
        "decay",
        "width",
        "task",
    }
    assert narrow.parameters["decay"].conditions[0].values == ("adamw",)
    assert narrow.parameters["learning_rate"] == Float(1e-3, 1e-2, log=True)
    assert RECIPE.restrict(momentum=(1, 2)).parameters["momentum"].levels == 2
    for wrong in ({"width": 16}, {"width": [17]}, {"momentum": (0, 1, 2)}):
        with pytest.raises(InvalidInput):
            RECIPE.restrict(**wrong)


GOOD = {
    "learning_rate": 1e-3,
    "optimizer": "adam",
    "width": 32,
    "task": "digits",
}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"widht": 3}, "Did you mean 'width'"),
        ({"width": 31}, "'width'.*holds no 31"),
        ({"optimizer": "adamw"}, "must hold 'decay'"),
        ({"decay": 0.1}, "'decay' is absent unless"),
        ({"learning_rate": math.nan}, "'learning_rate'.*finite"),
        ({"task": "letters"}, "holds no 'letters'"),
    ],
)
def test_validate_says_what_is_wrong(change, words):
    assert RECIPE.validate(GOOD) == GOOD
    with pytest.raises(InvalidInput, match=words):
        RECIPE.validate({**GOOD, **change})


def test_values_of_the_user_survive_encoding_to_ten_digits():
    config = {**GOOD, "learning_rate": 0.0123456789012345}
    back = RECIPE.decode(RECIPE.encode([config]))[0]
    assert back["learning_rate"] == pytest.approx(0.0123456789012345, rel=1e-9)
    assert {**back, "learning_rate": 1} == {**config, "learning_rate": 1}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Space({}), "at least one"),
        (lambda: Space([Float(0, 1)]), "mapping"),
        (lambda: Space({"a": [1, 2]}), "Choice"),
        (lambda: Space({1: Float(0, 1)}), "name must be text"),
        (lambda: Space({"a": Int(0, 1).when("a", [1])}), "cycle.*a -> a"),
        (
            lambda: Space(
                {"a": Int(0, 1).when("b", [1]), "b": Int(0, 1).when("a", [1])}
            ),
            "cycle.*a -> b -> a",
        ),
        (
            lambda: Space({"alpha": Int(0, 1), "b": Int(0, 1).when("alhpa", [1])}),
            "'b'.*Did you mean 'alpha'",
        ),
        (
            lambda: Space({"a": Float(0, 1), "b": Int(0, 1).when("a", [1])}),
            "discrete values",
        ),
        (
            lambda: Space({"a": Int(0, 1), "b": Int(0, 1).when("a", [2])}),
            "can't be met.*holds no 2",
        ),
        (lambda: RECIPE.decode(np.zeros(6)), "shape"),
        (lambda: RECIPE.decode(np.zeros((2, 5))), "rows of 6"),
        (lambda: RECIPE.decode(np.full((1, 6), 1.1)), "0, 1"),
        (lambda: RECIPE.decode(np.full((1, 6), np.nan)), "0, 1"),
        (lambda: RECIPE.encode(GOOD), r"\[config\]"),
        (lambda: Space.from_json('{"a": {"type": "Flaot"}}'), "Did you mean 'Float'"),
    ],
)
def test_errors_say_the_rule(make, words):
    with pytest.raises(InvalidInput, match=words):
        make()


def test_equal_spaces_are_equal_keys():
    again = Space.from_json(RECIPE.to_json())
    assert again == RECIPE
    assert len({again, RECIPE}) == 1
    assert RECIPE.with_fixed(width=16) != RECIPE
    assert Space({"a": Choice([1, 2])}) != Space({"a": Choice([True, 2])})
    assert eval(repr(RECIPE)) == RECIPE


def test_empty_input_is_fine():
    assert RECIPE.decode(np.zeros((0, 6))) == []
    assert RECIPE.encode([]).shape == (0, 6)
    assert RECIPE.canonical(np.zeros((0, 6))).shape == (0, 6)
