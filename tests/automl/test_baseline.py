"""The baseline: what it learns, that it is fair, and that it is bounded and stored."""

import json

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from thalweg.automl import baseline as module
from thalweg.automl.baseline import Candidate, fit_baseline
from thalweg.automl.linear import (
    Linear,
    choose_columns,
    logistic_path,
    ridge_path,
)
from thalweg.core.errors import InvalidInput
from thalweg.evaluation import METRICS, hold_out, k_fold


def table(n=240, seed=0, *, dn=4, cards=(3, 5)):
    """A table with a linear signal in numeric and categorical columns."""
    rng = np.random.default_rng(seed)
    numeric = rng.normal(2, [0.1, 1, 10, 100][:dn], (n, dn)).astype(np.float32)
    codes = np.stack([rng.integers(0, c, n) for c in cards], 1).astype(np.int32)
    signal = (numeric[:, 0] - 2) / 0.1 - numeric[:, 1] + 2 * (codes[:, 1] == 2)
    features = {"numeric": numeric, "categorical": codes}
    return features, signal + rng.normal(0, 0.3, n), rng


def test_regression_finds_the_signal():
    features, y, _ = table()
    splits = k_fold(240, k=5)
    got = fit_baseline(features, y, task="regression", splits=splits, metric="rmse")
    assert got["prior"].loss == pytest.approx(np.std(y), rel=0.05)
    assert got["linear"].loss < 0.4  # the noise is 0.3
    assert got.best.name == "linear"
    assert got["linear"].prediction.shape == (240, 1)
    score = METRICS["rmse"](y, got["linear"].prediction)
    assert score == pytest.approx(got["linear"].loss)
    refit = METRICS["rmse"](y, got.best.model.predict(features))
    assert refit < got["linear"].loss


@pytest.mark.parametrize("classes", [2, 3])
def test_classification_finds_the_signal(classes):
    features, signal, _ = table()
    y = np.digitize(signal, np.quantile(signal, np.arange(1, classes) / classes))
    splits = hold_out(240, y, fraction=0.3)
    got = fit_baseline(
        features, y, task="classification", splits=splits, metric="log_loss"
    )
    share = np.bincount(y) / len(y)
    assert got["prior"].loss == pytest.approx(-(share * np.log(share)).sum(), rel=0.02)
    assert got["linear"].loss < 0.5 * got["prior"].loss
    for candidate in got.candidates:
        assert candidate.prediction.shape == (len(splits.rows), classes)
        np.testing.assert_allclose(candidate.prediction.sum(1), 1, rtol=1e-5)
        assert candidate.model.predict(features).dtype == np.float32


def test_noise_is_not_learnt():
    """Of 40 columns of noise the prior is the better model, or as good."""
    rng = np.random.default_rng(0)
    features = {
        "numeric": rng.normal(size=(120, 40)).astype(np.float32),
        "categorical": np.zeros((120, 0), np.int32),
    }
    y = rng.integers(0, 3, 120)
    got = fit_baseline(
        features, y, task="classification", splits=k_fold(120, y), metric="log_loss"
    )
    assert got.best.loss <= got["prior"].loss
    assert got["linear"].loss < got["prior"].loss + 0.05
    assert got["linear"].penalty >= 0.1


def test_validation_rows_have_no_say():
    """Another target on the rows held out, the same predictions of them."""
    features, y, rng = table()
    splits = hold_out(240)
    other = y.copy()
    other[splits.rows] = rng.permutation(y[splits.rows])
    columns = []
    for target in (y, other):
        problem = {"task": "regression", "splits": splits, "metric": "rmse"}
        got = fit_baseline(features, target, **problem)
        columns.append(got["prior"].prediction)
        path = module._Problem(
            y=target, classes=1, seed=0, **{**problem, "metric": METRICS["rmse"]}
        ).path(features, splits.train[0])[1]
        columns.append(path(0.1).predict(features))
    np.testing.assert_array_equal(columns[0], columns[2])
    np.testing.assert_array_equal(columns[1], columns[3])


def test_each_split_has_its_own_features():
    features, y, _ = table()
    splits = k_fold(240, k=3)
    twisted = [
        {**features, "numeric": features["numeric"] * np.float32(factor)}
        for factor in (7, 1, -3)
    ]
    problem = {"task": "regression", "splits": splits, "metric": "rmse"}
    plain = fit_baseline(features, y, **problem)
    got = fit_baseline(twisted, y, refit=features, **problem)
    # standardised on the training part, so the units don't matter
    np.testing.assert_allclose(
        got["linear"].prediction, plain["linear"].prediction, atol=1e-3
    )
    np.testing.assert_allclose(
        got.best.model.predict(features), plain.best.model.predict(features), atol=1e-5
    )


@pytest.mark.parametrize("rows", [200, 5])
def test_ridge_is_ridge(rows):
    """Long and wide, against scikit-learn on the same columns."""
    features, y, _ = table(rows)
    columns = choose_columns(features, y[:, None], 100)
    x = columns.matrix(features)
    for penalty in (10.0, 0.1):
        oracle = Ridge(alpha=penalty * rows).fit(x.astype(float), y)
        want = np.clip(oracle.predict(x), y.min(), y.max())
        got = ridge_path(columns, x, y)(penalty).predict(features)[:, 0]
        np.testing.assert_allclose(got, want, atol=2e-4)


def test_logistic_is_logistic():
    features, signal, _ = table()
    y = np.digitize(signal, [-1, 1]) * 2  # of five classes 1 and 3 never occur
    columns = choose_columns(features, signal[:, None], 100)
    x = columns.matrix(features)
    got = logistic_path(columns, x, y, 5, 200)(0.01).predict(features)
    oracle = LogisticRegression(C=1 / (0.01 * 240), max_iter=200).fit(x, y)
    np.testing.assert_allclose(got[:, [0, 2, 4]], oracle.predict_proba(x), atol=0.02)
    assert (got[:, [1, 3]] > 0).all()
    assert (got[:, [1, 3]] < 0.01).all()


def test_prediction_by_tables_is_prediction_by_columns():
    features, y, _ = table()
    columns = choose_columns(features, y[:, None], 100)
    model = ridge_path(columns, columns.matrix(features), y)(0.1)
    np.testing.assert_allclose(
        model.predict(features),
        model.predict_matrix(columns.matrix(features)),
        rtol=1e-4,
        atol=1e-5,
    )


def test_unseen_codes_missing_and_wild_values():
    features, y, _ = table()
    splits = hold_out(240)
    model = fit_baseline(
        features, y, task="regression", splits=splits, metric="mae"
    ).best.model
    unseen = {**features, "categorical": np.full((240, 2), 900, np.int32)}
    numbers = model.columns.standardised(features["numeric"]) @ model.kernel
    want = np.clip(numbers + model.bias, *model.range)
    np.testing.assert_allclose(model.predict(unseen), want)
    one = {
        "numeric": np.array([[np.nan, 2, 2, 2], [1e30, 2, 2, 2]], np.float32),
        "categorical": np.array([[900, 2], [0, 900]], np.int32),
    }
    value = model.predict(one)
    assert np.isfinite(value).all()
    assert value.max() <= y.max() + 1e-5  # no extrapolation
    lost = {**features, "numeric": features["numeric"].copy()}
    lost["numeric"][::7, 1] = np.nan
    got = fit_baseline(lost, y, task="regression", splits=splits, metric="rmse")
    assert got["linear"].loss < 0.6 * got["prior"].loss


def test_targets_far_from_zero_keep_their_digits():
    """A second's precision in a time stamp, which single precision can't write."""
    features, y, _ = table()
    splits = hold_out(240)
    losses = [
        fit_baseline(
            features, y + far, task="regression", splits=splits, metric="rmse"
        ).best.loss
        for far in (0, 1.7e9)
    ]
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)


def test_the_prior_is_the_metrics_best_constant():
    features, y, _ = table()
    y = np.exp(y)
    splits = hold_out(240)
    for metric, constant in (("rmse", np.mean), ("mae", np.median)):
        got = fit_baseline(features, y, task="regression", splits=splits, metric=metric)
        np.testing.assert_allclose(
            got["prior"].prediction, constant(y[splits.train[0]]), rtol=1e-5
        )


def test_screening_keeps_what_correlates():
    features, y, rng = table(dn=2)
    noise = rng.normal(size=(240, 50)).astype(np.float32)
    numeric = np.concatenate([noise, features["numeric"], np.ones((240, 1))], axis=1)
    wide = {**features, "numeric": numeric.astype(np.float32)}
    columns = choose_columns(wide, y[:, None], 3)
    np.testing.assert_array_equal(columns.numeric, [50, 51])
    np.testing.assert_array_equal(columns.codes, [3 + 2])
    codes = features["categorical"].copy()
    codes[codes[:, 0] == 1, 0] = 2
    every = choose_columns({**wide, "categorical": codes}, y[:, None], 1000)
    np.testing.assert_array_equal(every.numeric, np.arange(52))  # 52 is constant
    np.testing.assert_array_equal(every.codes, [0, 2, 3, 4, 5, 6, 7])  # 1 is absent


def test_the_work_is_bounded(monkeypatch):
    """With a fraction of the work fewer rows and columns are fitted, still usefully."""
    features, signal, _ = table(600)
    y = (signal > 0).astype(int)
    splits = hold_out(600, y)
    sizes = []
    fit = module.logistic_path
    monkeypatch.setattr(module, "_LOGISTIC_WORK", 1e6)
    monkeypatch.setattr(
        module,
        "logistic_path",
        lambda columns, x, *rest: (sizes.append(x.shape), fit(columns, x, *rest))[1],
    )
    got = fit_baseline(
        features, y, task="classification", splits=splits, metric="log_loss"
    )
    assert max(rows for rows, _ in sizes) < 150
    assert got["linear"].loss < got["prior"].loss


def test_a_sample_of_the_rows_has_every_class():
    y = np.repeat([0, 1, 2], [5000, 4999, 1])
    problem = module._Problem(
        task="classification",
        y=y,
        splits=hold_out(10_000, y),
        metric=METRICS["log_loss"],
        classes=3,
        seed=0,
    )
    rows = problem.sample(np.arange(10_000), 100)
    assert 100 <= len(rows) <= 103
    assert set(y[rows]) == {0, 1, 2}
    assert (np.diff(rows) > 0).all()


def test_tables_without_anything_to_learn():
    nothing = {
        "numeric": np.ones((40, 2), np.float32),
        "categorical": np.zeros((40, 1), np.int32),
    }
    y = np.arange(40) % 2
    for task, metric in (("classification", "log_loss"), ("regression", "rmse")):
        got = fit_baseline(nothing, y, task=task, splits=k_fold(40, y), metric=metric)
        assert got["linear"].loss == pytest.approx(got["prior"].loss)
        assert got.best.name == "prior"
    constant = fit_baseline(
        nothing,
        np.zeros(40, int),
        task="classification",
        splits=k_fold(40),
        metric="accuracy",
    )
    assert [c.name for c in constant.candidates] == ["prior"]
    assert constant.best.loss == 0


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_the_state_restores_the_model(task):
    features, signal, _ = table()
    y = signal if task == "regression" else (signal > 0).astype(int)
    metric = "rmse" if task == "regression" else "accuracy"
    got = fit_baseline(features, y, task=task, splits=hold_out(240), metric=metric)
    for candidate in got.candidates:
        settings, arrays = candidate.to_state()
        settings = json.loads(json.dumps(settings))
        assert all(isinstance(array, np.ndarray) for array in arrays.values())
        again = Candidate.from_state(settings, arrays)
        assert (again.name, again.loss) == (candidate.name, candidate.loss)
        assert again.penalty == candidate.penalty
        assert isinstance(again.model, Linear)
        np.testing.assert_array_equal(
            again.model.predict(features), candidate.model.predict(features)
        )


def test_an_unknown_task_is_refused():
    with pytest.raises(InvalidInput, match="classification or regression, but got 'x'"):
        fit_baseline({}, np.zeros(3), task="x", splits=hold_out(3), metric="rmse")
