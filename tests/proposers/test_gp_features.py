"""What the Gaussian process does with constraints, costs, objectives, priors, noise."""

import jax.random as jr
import numpy as np
import pytest

from thalweg.proposers import GaussianProcess, Outcome
from thalweg.spaces import Float, Space
from thalweg.surrogates import hypervolume
from thalweg.testing.problems import BRANIN
from thalweg.testing.proposers import Driver

SQUARE = Space({"x": Float(0, 1), "y": Float(0, 1)})


def search(proposer, measure, n, *, space=SQUARE, batch=1, seed=0):
    """`measure(x)` gives losses, costs and constraints. Returns x and the state."""
    key = jr.key(seed)
    state = proposer.init(space, key=key)
    while len(state) < n:
        proposal, state = proposer.ask(state, batch, key=jr.fold_in(key, len(state)))
        losses, cost, constraints = measure(proposal.x)
        numbers = len(state) + np.arange(len(proposal))
        outcome = Outcome(
            proposal.x,
            numbers,
            proposal.parent,
            proposal.budget,
            losses,
            np.ones(len(numbers)) if cost is None else cost,
            constraints,
        )
        state = proposer.tell(state, outcome)
    return state.x, state


def bowl(x):
    return ((x - np.array([0.7, 0.3])) ** 2).sum(1)


@pytest.mark.parametrize("acquisition", ["log_ei", "thompson"])
def test_constraints_are_kept_to(acquisition):
    """The bowl's bottom is not allowed; the best allowed point is (0.4, 0.3)."""

    def measure(x):
        return bowl(x), None, np.stack([x[:, 0] - 0.4, 1e3 * (x[:, 1] - 0.9)], 1)

    proposer = GaussianProcess(acquisition=acquisition)
    _, state = search(proposer, measure, 28, batch=2)
    feasible = (state.constraints <= 0).all(1)
    assert feasible[10:].mean() > 0.4
    assert state.loss[feasible].min() < 0.09 + 0.02


def test_a_first_feasible_point_is_looked_for():
    def measure(x):
        return x[:, 0], None, np.abs(x - 0.77).max(1, keepdims=True) - 0.06

    _, state = search(GaussianProcess(), measure, 30)
    assert (state.constraints <= 0).sum() >= 3  # random: 0.4 of 30


def test_improvement_per_second_spends_less():
    """Two equal minima; the trials near one of them cost a hundred times more."""

    def measure(x):
        loss = np.minimum((x[:, 0] - 0.2) ** 2, (x[:, 0] - 0.8) ** 2) + x[:, 1] ** 2
        return loss, np.where(x[:, 0] < 0.5, 1.0, 100.0), None

    cheap = []
    for seed in range(3):
        x, _ = search(GaussianProcess(per_second=True), measure, 20, seed=seed)
        cheap.append(np.mean(x[6:, 0] < 0.5))
    assert np.mean(cheap) > 0.7


def test_costs_unknown_or_equal_change_nothing():
    def rows(per_second, cost):
        def measure(x):
            return bowl(x), np.full(len(x), cost), None

        return search(GaussianProcess(per_second=per_second), measure, 10)[0]

    plain = rows(False, 1.0)
    np.testing.assert_array_equal(plain, rows(True, np.nan))
    np.testing.assert_array_equal(plain, rows(True, 3.0))


def two(x):
    """Two bowls' bottoms: the best trade-offs lie on the segment between them."""
    first = ((x - np.array([0.2, 0.8])) ** 2).sum(1)
    return np.stack([first, ((x - np.array([0.8, 0.2])) ** 2).sum(1)], 1)


@pytest.mark.parametrize(
    ("acquisition", "share"), [("log_ei", 0.5), ("thompson", 1.0), ("ucb", 0.5)]
)
def test_several_objectives_spread_along_the_front(acquisition, share):
    """What is missing of the front's volume, as a share of what random rows miss."""
    proposer = GaussianProcess(acquisition=acquisition)
    _, state = search(proposer, lambda x: (two(x), None, None), 24, batch=4)
    reference, t = np.full(2, 0.8), np.linspace(0, 1, 200)[:, None]
    segment = np.array([[0.2, 0.8]]) * (1 - t) + np.array([[0.8, 0.2]]) * t
    ideal = hypervolume(two(segment), reference)
    rng = np.random.default_rng(0)
    random = [hypervolume(two(rng.random((24, 2))), reference) for _ in range(20)]
    missing = ideal - hypervolume(state.losses, reference)
    assert missing < share * (ideal - np.mean(random))


def test_failed_objectives_are_survived():
    def measure(x):
        losses = two(x)
        losses[x[:, 0] > 0.5, 1] = np.nan
        return losses, None, None

    x, _ = search(GaussianProcess(), measure, 16, batch=2)
    assert len(np.unique(x, axis=0)) == 16


def test_a_good_prior_helps_and_a_bad_one_is_forgotten():
    def best(n, seed, **prior):
        space = Space({"x": Float(0, 1, **prior), "y": Float(0, 1)})
        _, state = search(
            GaussianProcess(),
            lambda x: (bowl(x), None, None),
            n,
            space=space,
            seed=seed,
        )
        return state.loss.min()

    seeds = range(4)
    good = [best(7, s, prior=0.7, prior_confidence="high") for s in seeds]
    none = [best(7, s) for s in seeds]
    bad = [best(22, s, prior=0.1, prior_confidence="high") for s in (0, 1)]
    assert np.mean(good) < np.mean(none)
    assert max(bad) < 1e-2


def test_noise_does_not_choose_what_is_recommended():
    """The lowest of 40 noisy losses is luck; the model's choice is nearer."""
    proposer, luck, chosen = GaussianProcess(), [], []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        x = rng.random((40, 2))
        loss = bowl(x) + 0.15 * rng.standard_normal(40)
        state = proposer.init(SQUARE, key=jr.key(0))
        assert proposer.recommend(state) is None
        ones = np.ones(40)
        outcome = Outcome(x, np.arange(40), np.full(40, -1), ones, loss, ones)
        state = proposer.tell(state, outcome)
        luck.append(bowl(x)[np.argmin(loss)])
        chosen.append(bowl(proposer.recommend(state)[None])[0])
    assert np.mean(chosen) < 0.8 * np.mean(luck)


def test_an_earlier_study_helps():
    """Thirty trials of a study whose minimum is a little elsewhere, told beforehand."""
    space = BRANIN.space
    x = np.random.default_rng(0).random((30, 2))
    near = space.decode(np.clip(x + 0.02, 0, 1))
    before = np.array([BRANIN.loss(config) for config in near])
    best = {}
    for name in ("cold", "warm"):
        driver = Driver(GaussianProcess(), space)
        if name == "warm":
            ones = np.ones(30)
            outcome = Outcome(
                x, 100 + np.arange(30), np.full(30, -1), ones, before, ones
            )
            driver.state = driver.proposer.tell(driver.state, outcome)
        best[name] = driver.run(BRANIN.loss, 5, batch=1).losses.min()
    assert best["warm"] < best["cold"] - 1
