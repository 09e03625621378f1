"""What every parameter of a search space must keep. Run it on your own:

    @pytest.mark.parametrize("check", PARAMETER_CHECKS)
    def test_contract(check):
        check(MyParameter(...))

A check is a function of one parameter that raises `AssertionError` where the contract
(`AbstractParameter`) is broken.
"""

import json
from collections.abc import Callable

import numpy as np

from thalweg.core.errors import InvalidInput
from thalweg.spaces import (
    PARAMETERS,
    AbstractDiscrete,
    AbstractParameter,
    Choice,
    Space,
)


def _rows() -> np.ndarray:
    """The ends, their neighbours, and an even and a random cover of [0, 1]."""
    inside = np.random.default_rng(0).random(300)
    ends = np.array([0.0, np.nextafter(0, 1), 1e-9, 1 - 1e-9, np.nextafter(1, 0), 1.0])
    return np.concatenate([ends, np.linspace(0, 1, 257), inside])


def check_values(parameter: AbstractParameter) -> None:
    """`decode` gives plain values that `validate` takes and returns unchanged."""
    values = parameter.decode(_rows())
    assert isinstance(values, list)
    assert len(values) == len(_rows())
    for value in values:
        assert not isinstance(value, np.generic), f"{value!r} is NumPy's"
        assert parameter.validate(value) == value
        assert type(parameter.validate(value)) is type(value)


def check_round_trip(parameter: AbstractParameter) -> None:
    """`decode(encode(v)) == v` exactly, and `encode` gives one place per value."""
    values = parameter.decode(_rows())
    u = parameter.encode(values)
    assert u.dtype == np.float64
    assert ((u >= 0) & (u <= 1)).all()
    assert parameter.decode(u) == values
    np.testing.assert_array_equal(parameter.encode(parameter.decode(u)), u)


def check_canonical(parameter: AbstractParameter) -> None:
    """Canonical places stay where they are, and stand for the same values."""
    u = parameter.canonical(_rows())
    np.testing.assert_array_equal(parameter.canonical(u), u)
    assert parameter.decode(u) == parameter.decode(_rows())
    if parameter.levels is not None:
        np.testing.assert_array_equal(parameter.encode(parameter.decode(u)), u)


def check_levels(parameter: AbstractParameter) -> None:
    """No more distinct values than `levels`, each met where there are few of them."""
    values = {json.dumps(value) for value in parameter.decode(_rows())}
    if parameter.levels is not None:
        assert len(values) <= parameter.levels
        if parameter.levels <= 16:
            assert len(values) == parameter.levels


def check_cells(parameter: AbstractParameter) -> None:
    """Cells are numbered from 0, and index, centre, value and find agree."""
    if parameter.kind == "choice":
        assert isinstance(parameter, AbstractDiscrete)
    if not isinstance(parameter, AbstractDiscrete):
        return
    cells = np.unique(np.linspace(0, parameter.levels - 1, 50).astype(np.int64))
    np.testing.assert_array_equal(parameter.index(parameter.centre(cells)), cells)
    values = parameter.values_at(cells)
    assert [parameter.find(value) for value in values] == cells.tolist()
    assert (np.diff(parameter.centre(cells)) > 0).all()


def check_json(parameter: AbstractParameter) -> None:
    """Its space survives JSON, conditions included."""
    types = {**PARAMETERS, type(parameter).__name__: type(parameter)}
    space = Space(
        {"parent": Choice(["a", "b"]), "child": parameter.when("parent", ["b"])}
    )
    again = Space.from_json(space.to_json(), types=types)
    assert again == space
    assert again.parameters["child"] == space.parameters["child"]
    assert hash(again) == hash(space)


def check_strangers(parameter: AbstractParameter) -> None:
    """What is no value of it is refused with the house's error."""

    class Stranger:
        pass

    for value in (Stranger(), [Stranger()], {"a": 1}):
        try:
            parameter.validate(value)
        except InvalidInput:
            continue
        raise AssertionError(f"{parameter!r} takes {value!r}")


PARAMETER_CHECKS: tuple[Callable[[AbstractParameter], None], ...] = (
    check_values,
    check_round_trip,
    check_canonical,
    check_levels,
    check_cells,
    check_json,
    check_strangers,
)
