"""Names that are found, names that are nearly found, and the tree of errors."""

import pytest

from thalweg.core import errors
from thalweg.core.errors import (
    DataError,
    InvalidInput,
    SearchError,
    StoreError,
    ThalwegError,
    UnknownName,
    WrongType,
    unknown_name,
)
from thalweg.core.registry import Registry

TABLE: Registry[int] = Registry("number", {"one": 1, "two": 2, "three": 3})


def test_it_is_a_read_only_mapping():
    assert TABLE["two"] == 2
    assert list(TABLE) == ["one", "two", "three"]  # in the order of the table
    assert dict(TABLE.items()) == {"one": 1, "two": 2, "three": 3}
    assert len(TABLE) == 3
    assert repr(TABLE) == "<number registry: one, two, three>"
    with pytest.raises(TypeError):
        TABLE["four"] = 4  # type: ignore[index]


def test_later_changes_of_the_given_dict_change_nothing():
    entries = {"one": 1}
    table = Registry("number", entries)
    entries["two"] = 2
    assert list(table) == ["one"]


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(UnknownName) as caught:
        TABLE["thre"]
    assert str(caught.value) == (
        "Unknown number 'thre'. Did you mean 'three'? Known: one, two, three."
    )
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("name", ["zzz", "", 3, None, ["one"]])
def test_whatever_else_is_asked_for_is_unknown_too(name):
    with pytest.raises(UnknownName, match=r"Unknown number .* Known: one, two, three"):
        TABLE[name]
    assert name not in TABLE
    assert TABLE.get(name) is None
    assert TABLE.get(name, 7) == 7


def test_membership_and_get():
    assert "one" in TABLE
    assert TABLE.get("one") == 1


def test_a_long_list_of_names_is_cut_but_searched_whole():
    names = [f"name{i}" for i in range(40)] + ["penguin"]
    text = str(unknown_name("bird", "pengiun", names))
    assert "Did you mean 'penguin'?" in text
    assert "name29, …." in text
    assert "name30" not in text


def test_no_name_is_suggested_where_none_is_near():
    assert "Did you mean" not in str(unknown_name("bird", "xyz", ["penguin"]))


@pytest.mark.parametrize(
    ("error", "parents"),
    [
        (InvalidInput, {ThalwegError, ValueError}),
        (DataError, {InvalidInput, ValueError}),
        (WrongType, {DataError, TypeError}),
        (UnknownName, {InvalidInput, KeyError}),
        (StoreError, {ThalwegError, OSError}),
        (SearchError, {ThalwegError, RuntimeError}),
    ],
)
def test_the_tree_of_errors(error, parents):
    assert all(issubclass(error, parent) for parent in parents)
    assert str(error("a sentence")) == "a sentence"


def test_the_tree_is_drawn_whole_and_every_branch_is_ours():
    drawn = errors.__doc__
    assert drawn is not None
    for name, value in vars(errors).items():
        if isinstance(value, type) and issubclass(value, Exception):
            assert name in drawn
            assert issubclass(value, ThalwegError)
