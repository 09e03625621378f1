"""Ensemble selection against a plain rewriting of it, metric by metric."""

import numpy as np
import pytest
from scipy import optimize

from thalweg.automl.ensemble import select_ensemble
from thalweg.core.errors import InvalidInput
from thalweg.evaluation import METRICS, loss_of


def library(metric, *, models=6, rows=60, classes=3, seed=0, skill=(0.5, 2)):
    """Predictions of models of different skill, and targets."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(models, rows, classes))
    skill = rng.uniform(*skill, (models, 1, 1))
    if METRICS[metric].needs == "value":
        y = rng.normal(size=(rows, classes))
        return (y + noise / skill).astype(np.float32), y
    y = rng.integers(0, classes, rows)
    p = np.exp(skill * np.eye(classes)[y] + noise)
    return (p / p.sum(2, keepdims=True)).astype(np.float32), y


def plain_greedy(p, y, metric, rounds, weight=None):
    """The paper's algorithm from the metric alone: best single, then best additions."""
    metric, picks, losses = METRICS[metric], [], []
    for _ in range(rounds):
        after = [
            loss_of(metric, metric(y, p[[*picks, model]].mean(0), weight))
            for model in range(len(p))
        ]
        lowest = min(after)
        model = next(m for m, a in enumerate(after) if a <= lowest + 1e-9 * abs(lowest))
        picks.append(model)
        losses.append(after[model])
    return picks, losses


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("metric", METRICS)
def test_it_is_the_plain_algorithm(metric, weighted):
    for seed in range(3):
        p, y = library(metric, seed=seed)
        weight = np.random.default_rng(seed).uniform(0, 2, 60) if weighted else None
        picks, losses = plain_greedy(p, y, metric, 12, weight)
        got = select_ensemble(
            p, y, metric=metric, weight=weight, rounds=12, start=1, tolerance=0, bags=0
        )
        size = len(got.picks)
        assert list(got.picks) == picks[:size]
        np.testing.assert_allclose(got.losses, losses[:size], rtol=1e-5, atol=1e-6)
        assert min(losses[: size - 1], default=np.inf) > min(losses) + 1e-7
        assert got.loss == pytest.approx(min(losses), rel=1e-5, abs=1e-6)
        np.testing.assert_allclose(
            got.weights, np.bincount(picks[:size], minlength=6) / size
        )


@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy"])
def test_settled_rows_count_rightly_after_many_rounds(metric):
    p, y = library(metric, models=4, rows=300, seed=5)
    p = p**3 / (p**3).sum(2, keepdims=True)  # confident: margins beyond one vote
    _, losses = plain_greedy(p, y, metric, 40)
    got = select_ensemble(p, y, metric=metric, rounds=40, start=1, tolerance=0, bags=0)
    np.testing.assert_allclose(got.losses, losses[: len(got.losses)], atol=1e-9)
    assert got.loss == pytest.approx(min(losses), abs=1e-9)


def test_squared_error_comes_close_to_the_best_weights():
    """Against the optimal weights on the simplex, which 200 picks can nearly write."""
    p, y = library("rmse", models=8, rows=200, classes=1, seed=1)
    gram = (p[:, :, 0] - y[:, 0]) @ (p[:, :, 0] - y[:, 0]).T / 200
    best = optimize.minimize(
        lambda w: w @ gram @ w,
        np.full(8, 1 / 8),
        bounds=[(0, 1)] * 8,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
    )
    got = select_ensemble(p, y, metric="rmse", rounds=200, tolerance=0, bags=0)
    assert got.loss >= np.sqrt(best.fun) * (1 - 1e-6)
    assert got.loss <= np.sqrt(best.fun) * 1.001


@pytest.mark.parametrize("bags", [0, 5])
@pytest.mark.parametrize("metric", METRICS)
def test_never_worse_than_the_best_single_model(metric, bags):
    for seed in range(3):
        p, y = library(metric, rows=15, classes=2, seed=seed)
        alone = [loss_of(METRICS[metric], METRICS[metric](y, q)) for q in p]
        got = select_ensemble(p, y, metric=metric, bags=bags, seed=seed)
        mean = np.tensordot(got.weights, p, axes=1)
        together = loss_of(METRICS[metric], METRICS[metric](y, mean))
        assert together <= min(alone) + 1e-6
        assert together == pytest.approx(got.loss, abs=1e-5)
        assert got.weights.sum() == pytest.approx(1)
        assert (got.weights >= 0).all()


def test_the_start_takes_the_best_few_together():
    """Three models whose mean is exact: one by one none would be a likely pick."""
    y = np.zeros(4)
    errors = np.array([[2, -1, -1, 0], [-1, 2, -1, 0], [-1, -1, 2, 0], [9, 9, 9, 9]])
    p = errors[:, :, None].astype(np.float32)
    got = select_ensemble(p, y, metric="rmse", start=3, bags=0)
    assert got.picks == (0, 1, 2)
    assert got.loss == pytest.approx(0, abs=1e-7)
    np.testing.assert_allclose(got.weights, [1 / 3, 1 / 3, 1 / 3, 0])


@pytest.mark.parametrize("metric", ["log_loss", "rmse"])
def test_losses_are_those_of_the_picks_so_far(metric):
    """With a start of which a part is taken back, too."""
    score, cut = METRICS[metric], 0
    for seed in range(6):
        p, y = library(metric, seed=seed)
        got = select_ensemble(p, y, metric=metric, start=6, bags=0, tolerance=0)
        cut += len(set(got.picks[:6])) < 6
        means = [p[list(got.picks[: i + 1])].mean(0) for i in range(len(got.picks))]
        np.testing.assert_allclose(got.losses, [score(y, m) for m in means], rtol=1e-5)
    assert cut > 0


def test_equal_models_are_taken_in_their_order():
    p, y = library("log_loss", models=3)
    twins = np.concatenate([p, p, p])
    got = select_ensemble(twins, y, metric="log_loss", start=1, bags=0)
    assert got.weights[3:].sum() == 0
    assert (got.weights > 0).sum() > 1


def test_tolerance_shortens_the_path():
    p, y = library("rmse", models=8, rows=30)
    sizes = [
        len(select_ensemble(p, y, metric="rmse", tolerance=t, bags=0).picks)
        for t in (0, 1e-2, 1e-1)
    ]
    assert sizes[0] > sizes[1] > sizes[2]


def test_a_model_that_is_not_finite_is_left_out():
    p, y = library("log_loss")
    best = select_ensemble(p, y, metric="log_loss", bags=0).picks[0]
    p[best, 3, 1] = np.nan
    assert select_ensemble(p, y, metric="log_loss", bags=0).weights[best] == 0
    assert select_ensemble(p, y, metric="log_loss", bags=4).weights[best] == 0
    with pytest.raises(InvalidInput, match="none of 6"):
        select_ensemble(p * np.nan, y, metric="log_loss")


def test_an_undefined_metric_takes_the_first_model():
    p, _ = library("roc_auc")
    got = select_ensemble(p, np.zeros(60, int), metric="roc_auc")
    assert got.picks == (0,)
    assert np.isnan(got.loss)


def test_a_slow_metric_looks_at_the_best_models():
    p, y = library("roc_auc", models=30, rows=40, classes=2)
    areas = [METRICS["roc_auc"](y, q) for q in p]
    got = select_ensemble(p, y, metric="roc_auc", bags=0)
    allowed = np.argsort(areas)[-20:]
    assert set(np.flatnonzero(got.weights)) <= set(allowed)


def test_small_validation_parts_are_bagged():
    """Few rows, many models: the weights spread over more of them."""
    p, y = library("log_loss", models=30, rows=40, skill=(1, 1.2))
    chosen = [
        (select_ensemble(p, y, metric="log_loss", **how).weights > 0).sum()
        for how in ({"bags": 0}, {}, {"seed": 1})
    ]
    assert min(chosen[1:]) > chosen[0]
    many, many_y = library("log_loss", models=30, rows=600)
    plain = select_ensemble(many, many_y, metric="log_loss", bags=0)
    default = select_ensemble(many, many_y, metric="log_loss")
    np.testing.assert_array_equal(plain.weights, default.weights)


def test_a_single_column_is_the_probability_of_class_one():
    p, y = library("log_loss", classes=2)
    for metric in ("log_loss", "accuracy", "roc_auc"):
        two = select_ensemble(p, y, metric=metric)
        one = select_ensemble(p[:, :, 1:], y, metric=metric)
        np.testing.assert_allclose(one.weights, two.weights)


def test_combine_needs_only_the_chosen_models():
    p, y = library("rmse")
    got = select_ensemble(p, y, metric="rmse", rounds=3)
    parts = [q if w else None for q, w in zip(p, got.weights, strict=True)]
    mean = got.combine(parts)
    np.testing.assert_allclose(mean, np.tensordot(got.weights, p, axes=1), rtol=1e-5)
    assert mean.dtype == np.float32
