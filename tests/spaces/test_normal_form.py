"""Spaces whose values repeat themselves: one row, one configuration per class."""

import math

import numpy as np
import pytest

from thalweg.core.errors import InvalidInput
from thalweg.proposers import PROPOSERS, Grid
from thalweg.proposers.lattice import Lattice
from thalweg.spaces import (
    PARAMETERS,
    AbstractNormalForm,
    Choice,
    Float,
    Space,
    row_keys,
)
from thalweg.testing.proposers import Driver


class Pair(AbstractNormalForm):
    """Two of three colours, in either order: the larger number first."""

    levels = {"a": 3, "b": 3}  # noqa: RUF012
    size = 6

    def canonical(self, index):
        return -np.sort(-index, 1)

    def member(self, number):
        every = [[a, b] for a in range(3) for b in range(a + 1)]
        return np.array(every)[number]

    def to_dict(self):
        return {"type": "Pair"}

    @classmethod
    def from_dict(cls, record):
        return cls()


COLOURS = Choice(["red", "green", "blue"])
SPACE = Space(
    {"a": COLOURS, "n": Choice([1, 2]), "b": COLOURS, "one": Choice(["only"])},
    normal_form=Pair(),
)


def test_size_counts_classes():
    assert SPACE.size == 12
    assert Space({"a": COLOURS, "b": COLOURS}, normal_form=Pair()).size == 6
    with_lr = {**SPACE.parameters, "lr": Float(0, 1)}
    assert Space(with_lr, normal_form=Pair()).size == math.inf


def test_rows_are_equal_exactly_if_configurations_are():
    u = np.random.default_rng(0).random((500, SPACE.dim))
    rows, configs = SPACE.canonical(u), SPACE.decode(u)
    np.testing.assert_array_equal(SPACE.canonical(rows), rows)
    assert SPACE.decode(rows) == configs
    np.testing.assert_array_equal(SPACE.encode(configs), rows)
    assert len(set(row_keys(rows))) == len({str(config) for config in configs}) == 12
    raw = Space(SPACE.parameters).decode(u)
    for config, drawn in zip(configs, raw, strict=True):
        assert {config["a"], config["b"]} == {drawn["a"], drawn["b"]}


def test_configurations_are_brought_into_normal_form():
    drawn = {"a": "red", "n": 2, "b": "blue", "one": "only"}
    normal = {"a": "blue", "n": 2, "b": "red", "one": "only"}
    assert SPACE.validate(drawn) == normal
    np.testing.assert_array_equal(SPACE.encode([drawn]), SPACE.encode([normal]))


def test_json_equality_and_hash():
    types = {**PARAMETERS, "Pair": Pair}
    again = Space.from_json(SPACE.to_json(), types=types)
    assert again == SPACE
    assert hash(again) == hash(SPACE)
    assert again.size == 12
    assert Space(SPACE.parameters) != SPACE
    with pytest.raises(InvalidInput, match="Pair"):
        Space.from_json(SPACE.to_json())


@pytest.mark.parametrize(
    "parameters",
    [
        {"a": COLOURS},
        {"a": COLOURS, "b": Choice(["red", "green"])},
        {"a": COLOURS, "b": Float(0, 1)},
        {"a": COLOURS, "n": Choice([1, 2]), "b": COLOURS.when("n", [1])},
    ],
)
def test_tied_parameters_must_be_there(parameters):
    with pytest.raises(InvalidInput, match="Pair needs a parameter 'b' of 3 values"):
        Space(parameters, normal_form=Pair())


def test_nothing_hangs_on_tied_parameters_nor_narrows_them():
    hanging = {**SPACE.parameters, "x": Float(0, 1).when("a", ["red"])}
    with pytest.raises(InvalidInput, match="depend on 'a'"):
        Space(hanging, normal_form=Pair())
    with pytest.raises(InvalidInput, match="can't be narrowed"):
        SPACE.with_fixed(a="red")
    with pytest.raises(InvalidInput, match="can't be narrowed"):
        SPACE.restrict(a=["red", "green"])


def test_lattice_meets_every_class_once():
    points = Lattice(SPACE).points()
    assert len(points) == 12
    walked, lattice = [], Lattice(SPACE)
    digits = np.zeros(SPACE.dim, np.int64)
    while digits is not None:
        walked.append(lattice.point(digits))
        digits = lattice.after(digits)
    assert sorted(row_keys(np.array(walked))) == sorted(row_keys(points))


@pytest.mark.parametrize("name", ["random", "sobol", "gp", "grid"])
def test_proposers_pay_for_no_class_twice(name):
    proposer = {**PROPOSERS, "grid": Grid}[name]()
    driver = Driver(proposer, SPACE)
    while driver.ask(4):
        driver.tell(lambda config: config["n"] + (config["a"] == "red"))
    rows = np.concatenate([row.x for row in driver.asked])
    assert len(rows) == len(set(row_keys(rows))) == 12
