"""Metrics against scikit-learn, and what they answer where it raises or warns."""

import warnings

import numpy as np
import pytest
import sklearn.metrics as oracle

from thalweg.core.errors import InvalidInput
from thalweg.evaluation import METRICS, loss_of, value_of

CLASSIFICATION = [n for n, m in METRICS.items() if m.tasks == ("classification",)]
REGRESSION = [n for n, m in METRICS.items() if m.tasks == ("regression",)]


def by_sklearn(name, y, p, weight):
    label, two = p.argmax(1), p.shape[1] == 2
    common = {"sample_weight": weight}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {
            "log_loss": lambda: oracle.log_loss(
                y, p, labels=range(p.shape[1]), **common
            ),
            "accuracy": lambda: oracle.accuracy_score(y, label, **common),
            "balanced_accuracy": lambda: oracle.balanced_accuracy_score(
                y, label, **common
            ),
            "roc_auc": lambda: (
                oracle.roc_auc_score(y, p[:, 1], **common)
                if two
                else oracle.roc_auc_score(y, p, multi_class="ovr", **common)
            ),
            "f1": lambda: oracle.f1_score(
                y, label, average="binary" if two else "macro", **common
            ),
            "f1_macro": lambda: oracle.f1_score(y, label, average="macro", **common),
        }[name]()


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("name", CLASSIFICATION)
def test_classification_agrees_with_sklearn(name, classes):
    rng = np.random.default_rng(classes)
    y = rng.integers(0, classes, 200)
    p = rng.dirichlet(np.ones(classes), 200).round(2) + 1e-3  # rounded: with ties
    p /= p.sum(1, keepdims=True)
    for weight in (None, rng.uniform(0, 3, 200)):
        want = by_sklearn(name, y, p, weight)
        assert METRICS[name](y, p, weight) == pytest.approx(want, rel=1e-12)


@pytest.mark.parametrize("name", REGRESSION)
def test_regression_agrees_with_sklearn(name):
    rng = np.random.default_rng(0)
    functions = {
        "rmse": oracle.root_mean_squared_error,
        "mae": oracle.mean_absolute_error,
        "r2": oracle.r2_score,
    }
    y = rng.normal(3, 2, (100, 2))
    p = y + rng.normal(0, 1, (100, 2))
    for weight in (None, rng.uniform(0, 3, 100)):
        one = functions[name](y[:, 0], p[:, 0], sample_weight=weight)
        both = functions[name](y, p, sample_weight=weight)
        assert METRICS[name](y[:, 0], p[:, 0], weight) == pytest.approx(one, rel=1e-12)
        assert METRICS[name](y[:, :1], p[:, 0], weight) == pytest.approx(one, rel=1e-12)
        assert METRICS[name](y, p, weight) == pytest.approx(both, rel=1e-12)


@pytest.mark.parametrize("name", METRICS)
def test_predictions_that_are_not_finite_score_nan(name):
    for bad in (np.nan, np.inf, -np.inf):
        prediction = np.array([[0.5, 0.5], [bad, 0.5], [0.2, 0.8]])
        y = np.array([0, 1, 1])
        if METRICS[name].needs == "value":
            prediction = prediction[:, 0]
        assert np.isnan(METRICS[name](y, prediction))
    assert np.isnan(METRICS[name](y[:0], prediction[:0]))


@pytest.mark.parametrize("name", METRICS)
def test_a_perfect_prediction_has_loss_zero_and_a_worse_one_more(name):
    metric = METRICS[name]
    y = np.array([0, 1, 1, 0, 1])
    perfect, worse = np.eye(2)[y], np.eye(2)[[1, 1, 1, 0, 0]]
    if metric.needs == "value":
        perfect, worse = perfect[:, 1], worse[:, 1]
    loss = loss_of(metric, metric(y, worse))
    assert loss_of(metric, metric(y, perfect)) == pytest.approx(0, abs=1e-12)
    assert loss > 0.1
    assert value_of(metric, loss) == pytest.approx(metric(y, worse), abs=1e-12)


def test_classes_absent_from_the_targets():
    """Of four classes 1 and 3 never occur; scikit-learn refuses that ROC-AUC."""
    y = np.array([0, 0, 2, 2, 2])
    p = np.random.default_rng(0).dirichlet(np.ones(4), 5)
    areas = [oracle.roc_auc_score(y == k, p[:, k]) for k in (0, 2)]
    assert METRICS["roc_auc"](y, p) == pytest.approx(np.mean(areas))
    assert np.isnan(METRICS["roc_auc"](np.zeros(5, int), p))
    label = np.array([0, 1, 2, 2, 0])  # predicts the absent class 1, never 3
    recall = METRICS["balanced_accuracy"](y, np.eye(4)[label])
    assert recall == pytest.approx((1 / 2 + 2 / 3) / 2)
    f1 = METRICS["f1"](y, np.eye(4)[label])
    assert f1 == pytest.approx((0.5 + 0 + 0.8) / 3)


def test_log_loss_of_single_precision_is_clipped_and_normalised():
    p = np.array([[1, 0], [0.25, 0.25]], np.float32)
    worst = -np.log(np.finfo(np.float32).eps)
    want = (worst + np.log(2)) / 2
    assert METRICS["log_loss"](np.array([1, 0]), p) == pytest.approx(want, rel=1e-6)


def test_a_single_column_is_the_probability_of_class_one():
    y, p = np.array([0, 1, 1]), np.array([0.2, 0.6, 0.4])
    two = np.stack([1 - p, p], axis=1)
    for name in CLASSIFICATION:
        want = METRICS[name](y, two)
        assert METRICS[name](y, p) == METRICS[name](y, p[:, None]) == want


@pytest.mark.parametrize("name", [n for n, m in METRICS.items() if m.row_losses])
def test_row_losses_order_models_as_the_metric_does(name):
    metric, rng = METRICS[name], np.random.default_rng(1)
    y = rng.integers(0, 3, 300)
    shape = (300, 3) if metric.needs != "value" else (300, 1)
    models = [
        np.abs(rng.normal(1, 0.3, shape)) + noise * rng.uniform(size=shape)
        for noise in np.linspace(0, 2, 6)
    ]
    values = [loss_of(metric, metric(y, p)) for p in models]
    means = [metric.losses_by_row(y, p).mean() for p in models]
    np.testing.assert_array_equal(np.argsort(values), np.argsort(means))
    assert METRICS["roc_auc"].losses_by_row(y, models[0]) is None


def test_shapes_that_do_not_match_are_refused():
    with pytest.raises(InvalidInput, match=r"\(3,\).*\(2, 2\)"):
        METRICS["accuracy"](np.zeros(3), np.ones((2, 2)))
    with pytest.raises(InvalidInput, match=r"\(3,\).*\(3, 2\)"):
        METRICS["rmse"](np.zeros(3), np.ones((3, 2)))
    with pytest.raises(InvalidInput, match="from 0 to 2"):
        METRICS["log_loss"](np.arange(3), np.ones((3, 2)))
