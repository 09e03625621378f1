"""Members that begin from the weights of another: what they inherit, and what not."""

import jax
import numpy as np
import pytest
from tiny_members import ROUND, bits, candidate, job

from thalweg.core.trainable import partition

FEW = 4 * ROUND


@pytest.fixture
def parent(single):
    (end,) = single.train([job(1, candidate(0.05, steps=FEW), keep=True)])
    return end


def heir(engine, parent, recipe, **rest):
    """Trained on the split of its parent, from where the parent was left."""
    (end,) = engine.train(
        [job(7, recipe, split=1, resume=parent.state, heir=True, keep=True, **rest)]
    )
    return end


def test_a_heir_begins_from_the_weights(single, parent):
    """At rate 0 nothing moves: it ends with the parent's last weights, to the bit."""
    end = heir(single, parent, candidate(0.0, steps=FEW + ROUND))
    assert bits(end.state.params) == bits(parent.state.params)
    assert end.steps == FEW + ROUND
    assert len(end.curve) == 1
    assert end.step == FEW + ROUND, "its best is since its birth"
    np.testing.assert_array_equal(end.loss, end.curve[-1, -1])
    again = single.train([job(8, candidate(0.0, steps=FEW + ROUND), split=1)])[0]
    assert bits(again.network) != bits(end.network)


def test_a_heir_with_its_parents_recipe_trains_as_the_parent_goes_on(single, parent):
    recipe = candidate(0.05, steps=FEW + 2 * ROUND)
    whole = job(1, recipe, resume=parent.state, keep=True)
    (own,) = single.train([whole])
    other = heir(single, parent, recipe, seed=whole.seed)
    assert bits(other.state.params) == bits(own.state.params)
    assert bits(other.state.state) == bits(own.state.state)
    assert bits(other.curve) == bits(own.curve)


def test_a_heir_has_hyper_parameters_of_its_own(single, parent):
    recipe = candidate(0.05, steps=FEW + ROUND, dropout=0.4)
    end = heir(single, parent, recipe)
    _, rest = partition(end.network)
    rates = [float(v) for v in jax.tree.leaves(rest) if np.asarray(v).dtype.kind == "f"]
    assert 0.4 in np.round(rates, 6).tolist()
    same = heir(single, parent, candidate(0.05, steps=FEW + ROUND))
    assert bits(end.state.params) != bits(same.state.params)
    slower = heir(single, parent, candidate(0.005, steps=FEW + ROUND))

    def moved(found):
        (old,), (new,) = (m.state.params.values() for m in (parent, found))
        return np.linalg.norm(new - old)

    assert moved(slower) < 0.3 * moved(same)


def test_the_child_of_one_who_had_stopped_trains_on(single):
    patient = candidate(0.5, steps=400, patience=1.0)
    (end,) = single.train([job(1, patient, keep=True)])
    assert end.status == "stopped"
    child = heir(single, end, candidate(0.01, steps=end.steps + 3 * ROUND))
    assert child.steps == end.steps + 3 * ROUND
