"""Bayesian optimization: what it begins with, learns from, and how long it takes."""

import jax.random as jr
import numpy as np
import pytest

from thalweg.core.errors import InvalidInput
from thalweg.proposers import GaussianProcess, Outcome, Random, starting_from
from thalweg.proposers.modelling import FRESH, GROWTH, build, settled, subset
from thalweg.spaces import Choice, Float, Int, Ordinal, Space, row_keys
from thalweg.testing.problems import BRANIN, RECIPE, SYNTHETIC
from thalweg.testing.proposers import Driver, assert_lower


@pytest.mark.parametrize("problem", SYNTHETIC, ids=lambda p: p.name)
def test_declared_minima_are_minima(problem):
    assert problem.loss(problem.best) == pytest.approx(problem.minimum, abs=1e-5)
    space = problem.space
    u = np.random.default_rng(0).random((2000, space.dim))
    near = space.encode([problem.best]) + 0.02 * (u - 0.5)
    for rows in (u, np.clip(near, 0, 1)):
        losses = [problem.loss(config) for config in space.decode(rows)]
        assert min(losses) >= problem.minimum - 1e-5


def test_first_rows_are_spread_evenly():
    driver = Driver(GaussianProcess(initial=16), BRANIN.space)
    driver.run(BRANIN.loss, 16, batch=3)
    x = np.concatenate([row.x for row in driver.asked])
    counts, _, _ = np.histogram2d(*x.T, bins=4, range=[[0, 1], [0, 1]])
    np.testing.assert_array_equal(counts, 1)


def test_branin_is_solved():
    driver = Driver(GaussianProcess(), BRANIN.space).run(BRANIN.loss, 32, batch=2)
    assert driver.losses.min() < BRANIN.minimum + 0.01  # random search: about 1


def test_given_configurations_come_first_and_are_learnt_from():
    near = [{**RECIPE.best, "depth": 2}, {**RECIPE.best, "width": 32}]
    warm = starting_from(GaussianProcess(initial=2), near)
    driver = Driver(warm, RECIPE.space).run(RECIPE.loss, 12, batch=1)
    np.testing.assert_array_equal(
        np.concatenate([row.x for row in driver.asked[:2]]), RECIPE.space.encode(near)
    )
    cold = Driver(Random(), RECIPE.space).run(RECIPE.loss, 10, batch=5)
    assert np.median(driver.losses[2:]) < np.median(cold.losses)
    assert driver.losses[2:].min() < driver.losses[:2].min()


def test_pending_rows_are_kept_away_from():
    driver = Driver(GaussianProcess(), BRANIN.space).run(BRANIN.loss, 10, batch=5)
    for _ in range(4):
        driver.ask(1)
    x = np.concatenate([row.x for _, row in driver.pending])
    apart = np.abs(x[:, None] - x[None]).max(2) + np.eye(4)
    assert apart.min() > 1e-3  # without knowing of the others: 1e-6


def test_the_subset_keeps_the_best_and_the_latest():
    y = np.random.default_rng(0).standard_normal(1000)
    rows = subset(y, 90, np.random.default_rng(1))
    assert len(set(rows.tolist())) == 90
    assert set(np.argsort(y)[:30]) <= set(rows.tolist())
    assert set(range(980, 1000)) <= set(rows.tolist())
    np.testing.assert_array_equal(subset(y, 1000, None), np.arange(1000))


def told(n, d=12):
    kinds = [Float(0, 1), Choice(list("abc")), Int(1, 6), Float(0, 1)]
    space = Space({f"p{j}": kinds[j % 4] for j in range(d)})
    rng = np.random.default_rng(0)
    x = space.canonical(rng.random((n, d)))
    loss = ((x - 0.3) ** 2).sum(1) + 0.05 * rng.standard_normal(n)
    proposer = GaussianProcess()
    state = proposer.init(space, key=jr.key(0))
    ones = np.ones(n)
    outcome = Outcome(x, np.arange(n), np.full(n, -1), ones, loss, ones)
    return proposer, proposer.tell(state, outcome)


def test_the_models_see_a_bounded_number_of_rows():
    """So the time that an ask takes is flat, and the hyper-parameters settle."""
    for n in (30, 1000, 3000):
        _, state = told(n)
        rng = np.random.default_rng(0)
        models = build(state, np.full(n, True), state.x[:2], most=200, rng=rng)
        assert len(models.objectives[0].z) == min(n, 200) + 2
        assert n / GROWTH <= settled(n) <= n
    counts = np.array([settled(n) for n in range(1, 3000)])
    assert (np.diff(counts) >= 0).all()
    assert len(set(counts.tolist())) < FRESH + 60


def test_a_large_batch_is_distinct():
    proposer, state = told(300, d=6)
    proposal, _ = proposer.ask(state, 200, key=jr.key(1))
    assert len(set(row_keys(proposal.x)) | state.seen()) == 500
    np.testing.assert_array_equal(proposal.x, state.space.canonical(proposal.x))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fcnet_protein_structure", "hpobench_nn_kc1"])
def test_gp_beats_random_on_trained_networks(shared_data, name):
    """50 evaluations of a table of real trainings, batches of 8, 20 seeds, 3 sigma."""
    space, loss, lowest = table(shared_data / "hpo_tables", name)
    regrets = []
    for proposer in (GaussianProcess(), Random()):
        runs = [
            Driver(proposer, space, seed=s).run(loss, 50, batch=8) for s in range(20)
        ]
        regrets.append([run.losses.min() - lowest for run in runs])
    assert_lower(*regrets, sigma=3)


def table(folder, name):
    import json

    spec = json.loads((folder / "search_spaces.json").read_text())
    family = "fcnet" if name.startswith("fcnet") else "hpobench_nn"
    axes = {p["name"]: p["values"] for p in spec[family]["params"]}
    with np.load(folder / f"{name}.npz") as file:
        index = file["config_index"].astype(int)
        values = file["val_loss"] if family == "fcnet" else -file["val_acc"]
    losses = np.full([len(v) for v in axes.values()], np.nan)
    losses[tuple(index.T)] = values.astype(float).mean(1)
    space = Space(
        {n: Choice(v) if isinstance(v[0], str) else Ordinal(v) for n, v in axes.items()}
    )

    def loss(config):
        return losses[tuple(v.index(config[n]) for n, v in axes.items())]

    return space, loss, np.nanmin(losses)


def test_errors_say_the_rule():
    with pytest.raises(InvalidInput, match="max_observations"):
        GaussianProcess(max_observations=3)
    with pytest.raises(InvalidInput, match="initial"):
        GaussianProcess(initial=0)
    with pytest.raises(InvalidInput, match=r"'thompson', 'ucb', but got 'ei'"):
        GaussianProcess(acquisition="ei")  # type: ignore[arg-type]
