"""Whether architectures share a program: counted, not timed."""

import jax.numpy as jnp
import pytest

from thalweg.architectures import LayerChoice, Searchable
from thalweg.architectures.pricing import Price, equations
from thalweg.networks import Inputs, Stack
from thalweg.networks.layers import Activate, Dense, Residual, Sequential

INPUTS = Inputs(numeric=3)
X = jnp.zeros((2, 3))
DEEP = Residual(Sequential([Dense(3), Activate("tanh"), Dense(3)]))
TREE = Sequential(
    [LayerChoice({"plain": Dense(3), "deep": DEEP}, label="first"), Activate()]
)


def test_equations_are_counted_in_branches_too():
    def count(*layers):
        return equations(Stack([*layers]), INPUTS, 2, X)

    assert count(Dense(3)) < count(DEEP) < count(DEEP, DEEP)
    one = count(DEEP) - count()
    assert abs(count(DEEP, DEEP) - count() - 2 * one) <= 12  # seeds of a place


def test_one_program_pays_by_the_number_of_architectures_and_the_time():
    price = Price(together=30.0, alone=10.0)
    assert price.together_pays(3, float("inf"))
    assert not price.together_pays(2, float("inf"))
    assert price.together_pays(3, 60)
    assert not price.together_pays(3, 59)


@pytest.mark.parametrize(
    ("limits", "together"),
    [({}, True), ({"trials": 1}, False), ({"seconds": 1.0}, False)],
)
def test_a_search_chooses_by_price_and_says_so(limits, together):
    found = Searchable(TREE, INPUTS, 2, x=X, **limits)
    assert found.as_data == together
    says = "one program for all" if together else "a program for each architecture"
    assert found.why.startswith(says)
    assert "compiles in about" in found.why
    assert Searchable(TREE, INPUTS, 2).as_data  # nothing to weigh it by
    assert "as was asked" in Searchable(TREE, INPUTS, 2, how="shapes").why
