import jax.random as jr
import numpy as np

from thalweg.proposers import Archive, Outcome, Proposal
from thalweg.spaces import Float, Space

SPACE = Space({"x": Float(0, 1), "y": Float(0, 1)})
ROWS = np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]])


def told(rows, losses, constraints=None):
    n = len(rows)
    return Outcome(
        rows, np.arange(n), np.full(n, -1), np.ones(n), losses, np.ones(n), constraints
    )


def test_an_outcome_of_one_objective_has_one_column():
    outcome = told(ROWS, np.array([1.0, 2.0, 3.0]))
    assert outcome.losses.shape == (3, 1)
    assert outcome.constraints.shape == (3, 0)
    np.testing.assert_array_equal(outcome.loss, [1, 2, 3])


def test_what_is_told_is_no_longer_pending():
    state = Archive.empty(SPACE, key=jr.key(0)).expect(Proposal.fresh(ROWS))
    state = state.tell(told(ROWS[1:2], np.array([[1.0, 2.0]]), np.array([[0.5]])))
    np.testing.assert_array_equal(state.pending, ROWS[[0, 2]])
    np.testing.assert_array_equal(state.known, ROWS[[1, 0, 2]])
    assert state.losses.tolist() == [[1.0, 2.0]]
    assert state.constraints.tolist() == [[0.5]]
    assert len(state.seen()) == 3


def test_of_rows_that_are_alike_each_waits_for_an_outcome_of_its_own():
    state = Archive.empty(SPACE, key=jr.key(0)).expect(Proposal.fresh(ROWS[[0, 1, 0]]))
    state = state.tell(told(ROWS[:1], np.array([1.0])))
    np.testing.assert_array_equal(state.pending, ROWS[[1, 0]])


def test_only_the_same_budget_and_parent_is_an_answer():
    asked = Proposal(ROWS[:1], np.array([-1]), np.array([0.5]))
    state = Archive.empty(SPACE, key=jr.key(0)).expect(asked)
    state = state.tell(told(ROWS[:1], np.array([1.0])))
    assert len(state.pending) == 1
    assert len(state) == 1
