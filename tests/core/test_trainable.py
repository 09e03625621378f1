"""What is trained, and hyper-parameters as leaves."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from thalweg.core.hyper import as_leaf, hyper
from thalweg.core.trainable import Fixed, partition, trainable, unwrap
from thalweg.schedules import Cosine


class Layer(eqx.Module):
    kernel: jax.Array
    rate: Fixed
    index: jax.Array
    name: str
    function: object


def layer():
    return Layer(
        kernel=jnp.ones((2, 3)),
        rate=Fixed({"p": jnp.float32(0.5), "deep": [jnp.ones(2)]}),
        index=jnp.int32(3),
        name="first",
        function=jnp.tanh,
    )


def test_params_are_the_inexact_arrays_outside_fixed():
    tree = [layer(), {"bias": np.ones(3, np.float32), "mask": np.ones(3, bool)}]
    params, rest = partition(tree)
    shapes = [leaf.shape for leaf in jax.tree.leaves(params)]
    assert shapes == [(2, 3), (3,)]
    assert jax.tree.leaves(rest[0].kernel) == []
    assert rest[0].rate.value["p"] == 0.5
    assert rest[0].index == 3
    assert rest[1]["mask"].all()


def test_a_partition_combines_to_the_tree_again():
    tree = {"a": layer(), "b": (jnp.zeros(2), Fixed(jnp.ones(2)), None)}
    assert eqx.tree_equal(eqx.combine(*partition(tree)), tree)


def test_gradients_of_params_never_touch_what_is_fixed():
    params, rest = partition(layer())

    def loss(params):
        whole = eqx.combine(params, rest)
        return jnp.sum(whole.kernel) * whole.rate.value["p"]

    grads = jax.grad(loss)(params)
    assert len(jax.tree.leaves(grads)) == 1
    np.testing.assert_array_equal(grads.kernel, np.full((2, 3), 0.5))


def test_a_tree_of_nothing_to_train():
    params, rest = partition(Fixed(jnp.ones(3)))
    assert jax.tree.leaves(params) == []
    assert jax.tree.leaves(rest)[0].shape == (3,)
    assert trainable(Fixed(jnp.ones(3))) is False


def test_unwrap():
    value = jnp.ones(2)
    assert unwrap(value) is value
    assert unwrap(Fixed(value)) is value
    assert unwrap(Fixed(None)) is None


def test_numbers_become_floating_leaves():
    for number in (1, True, 0.5, 1e-3):
        leaf = as_leaf(number)
        assert leaf.dtype == jnp.float32
        assert leaf.shape == ()
        assert float(leaf) == np.float32(number)


def test_arrays_and_schedules_are_kept():
    array, schedule = jnp.arange(3), Cosine(0.1, 10)
    assert as_leaf(array) is array
    assert as_leaf(schedule) is schedule
    assert as_leaf(None) is None


def test_numbers_are_double_where_jax_is(x64):
    assert as_leaf(1e-3).dtype == jnp.float64


class Rule(eqx.Module):
    needed: jax.Array = hyper(doc="must be given")
    rate: jax.Array = hyper(0.1, doc="a step's length")


def test_a_field_is_a_leaf_so_that_other_values_run_the_same_program():
    traces = []

    @eqx.filter_jit
    def run(rule):
        traces.append(None)
        return rule.needed * rule.rate

    assert [float(run(Rule(v, 2))) for v in (1, 2.0, 3)] == [2.0, 4.0, 6.0]
    assert len(traces) == 1
    assert Rule(1).rate == np.float32(0.1)
    field = Rule.__dataclass_fields__["rate"]
    assert field.metadata["hyper"]
    assert field.metadata["doc"] == "a step's length"
