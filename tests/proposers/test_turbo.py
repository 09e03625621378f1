"""Trust regions: when they grow, shrink and end, and what they propose."""

from types import SimpleNamespace

import jax.random as jr
import numpy as np
import pytest

from thalweg.core.errors import InvalidInput
from thalweg.proposers import Outcome, Random, TrustRegion
from thalweg.proposers.turbo import FIRST, LONGEST, SHORTEST, _candidates
from thalweg.spaces import Choice, Float, Space
from thalweg.testing.proposers import Driver

WIDE = Space({f"x{j}": Float(0, 1) for j in range(20)})
SQUARE = Space({"x": Float(0, 1), "y": Float(0, 1)})


def tell(proposer, state, losses, constraints=None):
    """Proposes as many rows as there are losses, and tells them."""
    n = len(losses)
    proposal, state = proposer.ask(state, n, key=jr.key(len(state.archive)))
    outcome = Outcome(
        proposal.x,
        len(state.archive) + np.arange(n),
        proposal.parent,
        proposal.budget,
        np.array(losses, float),
        np.ones(n),
        constraints,
    )
    return proposer.tell(state, outcome)


def begun(losses=(5.0, 6.0)):
    proposer = TrustRegion(initial=2)
    state = proposer.init(SQUARE, key=jr.key(0))
    return proposer, tell(proposer, state, losses)


def test_three_improvements_double_the_box():
    proposer, state = begun()
    assert state.best.tolist() == [0.0, 5.0]
    for loss, length in ((4.0, FIRST), (3.0, FIRST), (2.0, LONGEST), (1.0, LONGEST)):
        state = tell(proposer, state, [loss])
        assert state.length == length
    assert state.best.tolist() == [0.0, 1.0]


def test_improvements_count_in_a_row():
    proposer, state = begun()
    for loss, wins in ((4.0, 1), (3.0, 2), (3.5, 0), (2.0, 1)):
        state = tell(proposer, state, [loss])
        assert (state.wins, state.length) == (wins, FIRST)


def test_a_gain_is_as_large_below_zero_as_above():
    for first, small, large in ((5.0, 4.996, 4.994), (-5.0, -5.004, -5.006)):
        proposer, state = begun((first, 6.0))
        assert tell(proposer, state, [small]).wins == 0
        assert tell(proposer, state, [large]).wins == 1


def test_the_box_is_longer_where_the_loss_changes_slowly_and_keeps_its_volume():
    models = SimpleNamespace(
        x=np.full((1, 2), 0.5),
        best=lambda: np.array([0]),
        objectives=[SimpleNamespace(weight=np.array([4.0, 1.0]))],
        embedding=SimpleNamespace(group=np.array([0, 1])),
    )
    rows = _candidates(SQUARE, models, 0.2, 1, np.random.default_rng(0))
    np.testing.assert_allclose(np.ptp(rows, axis=0), [0.1, 0.4], rtol=0.02)


def test_failures_halve_the_box_and_a_tiny_one_is_given_up():
    proposer, state = begun()
    lengths = []
    while state.region == 0:
        state = tell(proposer, state, [9.0, np.nan])
        lengths.append(float(state.length))
    # 4 failures halve it; the last entry is the new region's
    assert lengths[:4] == [FIRST, FIRST / 2, FIRST / 2, FIRST / 4]
    assert lengths[-2] >= SHORTEST
    assert lengths[-1] == FIRST
    assert np.isinf(state.best).all()
    assert (state.member == 0).all()


def test_a_tiny_gain_is_a_failure_and_feasibility_goes_first():
    proposer, state = begun()
    state = tell(proposer, state, [4.9999])
    assert (state.wins, state.failures) == (0, 1)
    proposer = TrustRegion(initial=2)
    state = proposer.init(SQUARE, key=jr.key(0))
    state = tell(proposer, state, [1.0, 2.0], np.array([[3.0], [2.0]]))
    assert state.best.tolist() == [2.0, 2.0]
    state = tell(proposer, state, [9.0], np.array([[-1.0]]))
    assert state.best.tolist() == [0.0, 9.0]
    assert state.wins == 1


def test_outcomes_of_a_given_up_region_are_not_the_new_one_s():
    proposer, state = begun()
    late, state = proposer.ask(state, 1, key=jr.key(99))
    while state.region == 0:
        state = tell(proposer, state, [9.0, 9.0])
    assert len(state.late) == 1
    one = np.ones(1)
    outcome = Outcome(late.x, np.array([500]), late.parent, one, np.zeros(1), one)
    state = proposer.tell(state, outcome)
    assert state.member[-1] == -1
    assert np.isinf(state.best).all()
    assert len(state.late) == 0


def test_proposals_stay_near_the_best_row():
    space = Space({**WIDE.parameters, "c": Choice(["a", "b", "c"])})
    proposer = TrustRegion(initial=10)
    driver = Driver(proposer, space)
    driver.run(lambda c: sum((c[f"x{j}"] - 0.5) ** 2 for j in range(20)), 10, batch=10)
    losses = driver.losses
    centre = driver.state.archive.x[np.argmin(losses)]
    state = driver.state
    for length in (FIRST, 0.05):
        small = type(state)(**{**vars(state), "length": np.array(length)})
        x = proposer.propose(small, 8, key=jr.key(3)).x
        apart = np.abs(x - centre)[:, :20]
        assert (apart.max() < 0.2) == (length == 0.05)
        assert (apart.max(1) > 0).all()


@pytest.mark.slow
def test_it_beats_random_in_many_dimensions():
    """Mean over 4 seeds after 100 trials of a bowl of 20 dimensions."""

    def loss(config):
        return sum((config[f"x{j}"] - 0.3) ** 2 for j in range(20))

    def best(proposer):
        runs = [
            Driver(proposer, WIDE, seed=s).run(loss, 100, batch=10) for s in range(4)
        ]
        return np.array([run.losses.min() for run in runs])

    assert best(TrustRegion(initial=20)).max() < 0.5 * best(Random()).min()


def test_errors_say_the_rule():
    with pytest.raises(InvalidInput, match="at least 2, but got 1"):
        TrustRegion(initial=1)
