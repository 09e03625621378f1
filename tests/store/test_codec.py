"""JSON text that gives back what went in."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thalweg.core.errors import InvalidInput
from thalweg.store import codec
from thalweg.testing.store import same

leaf = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
value = st.recursive(
    leaf,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(
            st.text(max_size=4)
            | st.sampled_from(["$float", "$tuple", "$", "$$float", "$$"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(value)
def test_any_value_comes_back(put):
    text = codec.dumps(put)
    assert same(codec.loads(text), put)
    assert text.isascii()


@given(value)
def test_the_text_is_json_for_everyone(put):
    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    json.loads(codec.dumps(put), parse_constant=refuse)


def test_arrays_become_lists():
    assert codec.loads(codec.dumps(np.float32([0.5, np.inf]))) == [0.5, float("inf")]
    assert codec.loads(codec.dumps(np.asarray(["a"]))) == ["a"]


@pytest.mark.parametrize("bad", [object(), b"bytes", {1: 2}, {"a": {2}}, 1j])
def test_what_json_lacks_is_refused(bad):
    with pytest.raises(InvalidInput, match=r"Convert (it|them)"):
        codec.dumps(bad)
