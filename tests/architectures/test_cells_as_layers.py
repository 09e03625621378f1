"""The word `Cell`: what it adds, joins and refuses."""

import jax.numpy as jnp
import numpy as np
import pytest

from thalweg.architectures import Cell, fixed, outline, space_of, switched
from thalweg.core.errors import InvalidInput
from thalweg.networks.layers import (
    AvgPool,
    Conv,
    Identity,
    Residual,
    Sequential,
    Zero,
    shape_after,
)

SEED = jnp.uint32(4)
OPERATIONS = {"same": Identity(), "none": Zero()}
X = jnp.asarray(np.random.default_rng(0).normal(size=(2, 3, 3, 2)), jnp.float32)


def configured(inputs, operations):
    found = {f"cell_inputs_{n}": "+".join(map(str, i)) for n, i in enumerate(inputs)}
    for node, own in enumerate(operations):
        found |= {f"cell_op_{node}_{k}": name for k, name in enumerate(own)}
    return found


def test_its_parameters_are_those_of_nodes_and_operations():
    space = space_of(Cell(OPERATIONS, nodes=2, per_node=2, predecessors=2))
    assert space.parameters["cell_inputs_0"].levels == 1
    assert space.parameters["cell_inputs_1"].levels == 3
    assert space.size == 3 * 2**4
    dense = space_of(Cell(OPERATIONS, nodes=3, per_node=None, label="edge"))
    assert list(dense.parameters) == [
        "edge_op_0_0",
        *("edge_op_1_0", "edge_op_1_1"),
        *("edge_op_2_0", "edge_op_2_1", "edge_op_2_2"),
    ]


@pytest.mark.parametrize(
    ("merge", "nodes"), [("all", (1, 2)), ("loose_ends", (2,)), ("last", (2,))]
)
@pytest.mark.parametrize("decide", [fixed, switched])
def test_nodes_add_and_the_output_joins(merge, nodes, decide):
    cell = Cell(OPERATIONS, nodes=2, per_node=2, predecessors=2, merge=merge)
    config = configured([(0, 1), (1, 2)], [("same", "same"), ("same", "same")])
    module = decide(cell, config).build(((3, 3, 2), (3, 3, 2)), seed=SEED)
    values = {1: X + 2 * X, 2: 2 * X + 3 * X}
    whole = np.concatenate([values[n] for n in nodes], -1)
    np.testing.assert_allclose(module((X, 2 * X)), whole, rtol=1e-6)


def test_a_stride_holds_for_the_inputs_of_the_cell_alone():
    operations = {"conv": Conv(2, size=3), "pool": AvgPool(3, stride=1, padding="same")}
    cell = Cell(operations, nodes=2, per_node=None, stride=2, merge="last")
    config = {"cell_op_0_0": "conv", "cell_op_1_0": "pool", "cell_op_1_1": "pool"}
    for decide in (fixed, switched):
        decided = decide(cell, config)
        assert outline(decided, (5, 5, 2))[-1].after == (3, 3, 2)
        module = decided.build((5, 5, 2), seed=SEED)
        assert shape_after(module, (5, 5, 2)) == (3, 3, 2)


def test_it_stands_wherever_a_layer_does():
    inner = Cell({"one": Conv(2, size=1)}, nodes=1, merge="last")
    tree = Sequential([Residual(inner), inner])
    config = {"cell_inputs_0": "0", "cell_op_0_0": "one"}
    module = fixed(tree, config).build((3, 3, 2), seed=SEED)
    assert module(X).shape == X.shape


def test_what_cannot_be_is_refused():
    with pytest.raises(InvalidInput, match="the first node lacks inputs"):
        Cell(OPERATIONS, nodes=2, per_node=2)
    with pytest.raises(InvalidInput, match="a layer for each of 2 inputs"):
        Cell(OPERATIONS, nodes=1, predecessors=2, preprocess=[Identity()])
    with pytest.raises(InvalidInput, match="loose_ends"):
        Cell(OPERATIONS, nodes=1, merge="ends")  # type: ignore
    cell = fixed(
        Cell({"same": Identity()}, nodes=1, stride=2),
        {"cell_inputs_0": "0", "cell_op_0_0": "same"},
    )
    with pytest.raises(InvalidInput, match="Identity has none"):
        cell.build((4, 4, 1), seed=SEED)
    mixed = Cell({"a": Conv(2), "b": Conv(3)}, nodes=1, per_node=2, predecessors=2)
    config = {"cell_inputs_0": "0+1", "cell_op_0_0": "a", "cell_op_0_1": "b"}
    with pytest.raises(InvalidInput, match="one shape"):
        fixed(mixed, config).build(((4, 4, 1), (4, 4, 1)), seed=SEED)
