"""Work now and then: in a population only when it is due for somebody."""

import jax
import jax.numpy as jnp
import numpy as np

from thalweg.core.occasional import anew


def double(x):
    return 2 * x


def test_the_work_is_done_where_it_is_due():
    due, old = jnp.array([True, False, True]), jnp.arange(3.0) + 1
    got = jax.jit(jax.vmap(lambda d, x: anew(d, double, x)))(due, old)
    np.testing.assert_array_equal(got, [2, 2, 6])
    assert anew(jnp.array(False), double, old[0]) == 1


def test_a_branch_remains_one_in_a_population():
    many = jax.vmap(jax.vmap(lambda d, x: anew(d, jnp.sin, x)))
    program = jax.make_jaxpr(many)(jnp.ones((2, 3), bool), jnp.ones((2, 3)))
    names = {equation.primitive.name for equation in program.eqns}
    assert "cond" in names
    assert "sin" not in names


def test_members_keep_derivatives():
    slope = jax.vmap(jax.grad(lambda x, d: anew(d, lambda x: x**2, x)))
    np.testing.assert_array_equal(
        slope(jnp.array([3.0, 3.0]), jnp.array([True, False])), [6, 1]
    )
