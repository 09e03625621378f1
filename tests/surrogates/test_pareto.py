import numpy as np
import pytest

from thalweg.core.errors import InvalidInput
from thalweg.surrogates import chebyshev, hypervolume, nondominated, order
from thalweg.surrogates.pareto import crowding, fronts, violations

RNG = np.random.default_rng(0)


def dominates(a, b):
    return (a <= b).all() and (a < b).any()


def peeled(losses):
    """The fronts by their definition: what nothing left dominates, again and again."""
    front, left, number = np.zeros(len(losses), int), list(range(len(losses))), 0
    while left:
        best = [
            i for i in left if not any(dominates(losses[j], losses[i]) for j in left)
        ]
        front[best] = number
        left = [i for i in left if i not in best]
        number += 1
    return front


@pytest.mark.parametrize("m", [1, 2, 3, 4])
def test_fronts_are_what_is_left_when_dominated_rows_go(m):
    losses = RNG.integers(0, 6, (40, m)).astype(float)  # with ties and equal rows
    np.testing.assert_array_equal(fronts(losses), peeled(losses))
    np.testing.assert_array_equal(nondominated(losses), peeled(losses) == 0)


def test_crowding_is_wide_at_the_ends_and_sums_the_gaps():
    losses = np.array([[0.0, 4.0], [1.0, 2.0], [3.0, 1.0], [4.0, 0.0]])
    distance = crowding(losses, np.zeros(4, int))
    np.testing.assert_allclose(distance, [np.inf, 3 / 4 + 3 / 4, 3 / 4 + 2 / 4, np.inf])


def test_one_objective_is_ordered_by_it_and_failures_come_last():
    losses = np.array([[3.0], [np.nan], [1.0], [np.inf], [1.0], [-np.inf]])
    np.testing.assert_array_equal(order(losses), [2, 4, 0, 1, 3, 5])


def test_the_infeasible_come_after_the_feasible_by_their_violation():
    losses = np.array([[1.0], [5.0], [0.0], [2.0], [np.nan]])
    constraints = np.array([[0.2, 0.3], [-1, 0], [0.1, -9], [np.nan, 0], [-1, -1]])
    np.testing.assert_allclose(
        violations(losses, constraints), [0.5, 0, 0.1, np.inf, np.inf]
    )
    np.testing.assert_array_equal(order(losses, constraints), [1, 2, 0, 3, 4])


def test_several_objectives_are_ordered_by_front_then_crowding():
    losses = np.array([[2.0, 2.0], [0.0, 3.0], [1.0, 2.9], [3.0, 0.0], [9.0, 9.0]])
    assert order(losses)[-1] == 4
    assert set(order(losses)[:2]) == {1, 3}  # the ends
    changed = np.column_stack([np.exp(losses[:, 0]), losses[:, 1] ** 3])
    np.testing.assert_array_equal(fronts(losses), fronts(changed))


@pytest.mark.parametrize("m", [1, 2, 3, 4])
def test_the_hypervolume_is_what_points_in_the_box_are_dominated(m):
    losses, reference = RNG.random((12, m)), np.full(m, 0.9)
    points = RNG.random((40_000, m)) * 0.9
    inside = (losses[:, None] <= points[None]).all(2).any(0)
    error = 4 * np.sqrt(inside.mean() * (1 - inside.mean()) / len(points))
    volume = hypervolume(losses, reference) / 0.9**m
    assert abs(volume - inside.mean()) <= error + 1e-12


def test_the_hypervolume_of_nothing_inside_is_zero():
    reference = np.ones(2)
    assert hypervolume(np.zeros((0, 2)), reference) == 0
    assert hypervolume(np.array([[2.0, 0.0], [np.nan, 0.0]]), reference) == 0
    with pytest.raises(InvalidInput, match="2 objectives"):
        hypervolume(np.zeros((1, 2)), np.ones(3))


def test_a_scalar_of_one_objective_is_itself_and_of_several_never_misleads():
    one = RNG.random((5, 1))
    np.testing.assert_array_equal(chebyshev(one, RNG), one[:, 0])
    losses = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [np.nan, 0.0]])
    for _ in range(20):
        scalar = chebyshev(losses, RNG)
        assert np.isnan(scalar[3])
        assert scalar[2] > min(scalar[0], scalar[1])
        assert scalar[2] >= max(scalar[0], scalar[1])
