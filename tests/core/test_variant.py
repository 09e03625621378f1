"""One of several pytrees, which one being data."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thalweg.core.errors import InvalidInput
from thalweg.core.variant import Layout, Variant

KINDS = [((), jnp.float32), ((2,), jnp.float32), ((2,), jnp.int32), ((1, 2), jnp.bool_)]
leaves = st.builds(
    lambda kind, number: jnp.full(KINDS[kind][0], number, KINDS[kind][1]),
    st.integers(0, len(KINDS) - 1),
    st.integers(0, 99),
)
trees = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
        | st.tuples(inner, st.none())
    ),
    max_leaves=6,
)


def total(tree, factor=1.0):
    """A function of a whole tree, so that no leaf may be lost or mixed up."""
    weighed = [
        (position + 1) * jnp.sum(leaf.astype(jnp.float32))
        for position, leaf in enumerate(jax.tree.leaves(tree))
    ]
    return factor * sum(weighed, jnp.float32(len(weighed)))


def kinds(tree):
    return [(leaf.shape, leaf.dtype.name) for leaf in jax.tree.leaves(tree)]


@settings(max_examples=40, deadline=None)
@given(st.lists(trees, min_size=1, max_size=4))
def test_slots_are_as_few_as_can_be(alternatives):
    layout = Layout.of(alternatives)
    found = [(shape, jnp.dtype(dtype).name) for shape, dtype in layout.slots]
    for kind in {kind for tree in alternatives for kind in kinds(tree)}:
        needed = max(kinds(tree).count(kind) for tree in alternatives)
        assert found.count(kind) == needed
    assert len(found) == len(layout.empty())
    assert set(found) == {kind for tree in alternatives for kind in kinds(tree)}


@settings(max_examples=40, deadline=None)
@given(st.lists(trees, min_size=1, max_size=4))
def test_what_is_written_is_read(alternatives):
    layout = Layout.of(alternatives)
    for which, tree in enumerate(alternatives):
        slots = tuple(jnp.ones_like(slot) for slot in layout.empty())
        written = layout.write(which, tree, slots)
        assert eqx.tree_equal(layout.read(which, written), tree)
        untouched = set(range(len(slots))) - set(layout.places[which])
        assert all(bool((written[slot] == slots[slot]).all()) for slot in untouched)


@settings(max_examples=8, deadline=None)
@given(st.lists(trees, min_size=2, max_size=3))
def test_switch_is_a_direct_call(alternatives):
    for index, tree in enumerate(alternatives):
        variant = Variant.of(alternatives, index)
        assert variant.switch(total, 2.0) == total(tree, 2.0)


ALTERNATIVES = [
    {"rate": jnp.float32(0.1), "moments": jnp.arange(3.0)},
    {"rate": jnp.float32(0.5), "count": jnp.int32(4), "scale": jnp.float32(2.0)},
    (jnp.full(3, 7.0), jnp.full(3, 9.0)),
]


def test_equal_shapes_share_a_slot_and_a_leaf_keeps_its_own():
    layout = Layout.of(ALTERNATIVES)
    assert sorted(shape for shape, _ in layout.slots) == [(), (), (), (3,), (3,)]
    assert all(len(set(places)) == len(places) for places in layout.places)


def test_all_alternatives_have_one_structure():
    variants = [Variant.of(ALTERNATIVES, i) for i in range(3)]
    assert len({jax.tree.structure(v) for v in variants}) == 1
    shapes = [[(a.shape, a.dtype) for a in jax.tree.leaves(v)] for v in variants]
    assert shapes[0] == shapes[1] == shapes[2]


def test_which_one_is_data():
    """One trace serves all; a stack of different ones runs under `vmap`."""
    traces = []

    @eqx.filter_jit
    def run(variant):
        traces.append(None)
        return variant.switch(total)

    variants = [Variant.of(ALTERNATIVES, i) for i in range(3)]
    direct = [float(total(tree)) for tree in ALTERNATIVES]
    assert [float(run(v)) for v in variants] == direct
    assert len(traces) == 1
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *variants)
    np.testing.assert_array_equal(jax.vmap(lambda v: v.switch(total))(stacked), direct)


def test_only_the_branch_that_is_named_runs():
    ran = []

    def note(tree):
        jax.debug.callback(lambda: ran.append(len(jax.tree.leaves(tree))))
        return jnp.float32(0)

    jax.block_until_ready(Variant.of(ALTERNATIVES, 1).switch(note))
    jax.effects_barrier()
    assert ran == [3]


@pytest.mark.parametrize("index", [-1, 3])
def test_an_index_beyond_the_alternatives(index):
    with pytest.raises(InvalidInput, match=f"one of 3 alternatives, but got {index}"):
        Variant.of(ALTERNATIVES, index)
