"""The estimators keep scikit-learn's contract, and their own promises."""

import numpy as np
import pandas as pd
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

import thalweg as tw
from thalweg.automl.tabular import TabularClassifier, TabularRegressor
from thalweg.core.errors import InvalidInput

# Columns are found by name, in any order: another order is no error.
REORDERED = {
    "check_dataframe_column_names_consistency": "columns by name, in any order"
}


@parametrize_with_checks(
    # no time at all: the contract of the estimator around the search
    [TabularClassifier(time_limit=0), TabularRegressor(time_limit=0)],
    expected_failed_checks=lambda estimator: REORDERED,
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_contract(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def table() -> tuple[pd.DataFrame, np.ndarray]:
    """A ring: no linear model can learn it, a small network can."""
    rng = np.random.default_rng(0)
    points = rng.normal(size=(240, 2))
    inside = np.hypot(points[:, 0], points[:, 1]) < 1.1
    frame = pd.DataFrame(points, columns=["east", "north"])
    frame["kind"] = rng.choice(["a", "b", None], 240)
    frame.loc[::17, "east"] = np.nan
    return frame, np.where(inside, "in", "out")


def search(**settings: object) -> TabularClassifier:
    given = {"time_limit": None, "max_trials": 3, "cv": 2, "preset": "fast"}
    return TabularClassifier(**{**given, "random_state": 0, **settings})


@pytest.fixture(scope="module")
def fitted(table) -> TabularClassifier:
    return search().fit(*table)


def test_beats_the_baseline_where_networks_can(fitted, table):
    assert fitted.fit_.returned in ("ensemble", "network")
    assert fitted.fit_.score.loss < 0.7 * fitted.fit_.prepared.baseline_score.loss
    assert fitted.score(*table) > 0.85


def test_probabilities(fitted, table):
    p = fitted.predict_proba(table[0])
    assert p.shape == (240, 2)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)
    labels = fitted.classes_[p.argmax(axis=1)]
    np.testing.assert_array_equal(labels, fitted.predict(table[0]))
    assert list(fitted.classes_) == ["in", "out"]


def test_out_of_fold_score_is_made_of_networks_that_never_saw_the_row(fitted, table):
    """The score is that of the saved networks on the other fold's rows."""
    problem = fitted.fit_.prepared.problem
    leader = fitted.fit_.leader
    tables = fitted.fit_.prepared.features.transform(table[0])
    parts = []
    for split, (network, rows) in enumerate(
        zip(leader.networks, problem.splits.validation, strict=True)
    ):
        x = {k: a[rows] for k, a in tables[split].items() if a.shape[1]}
        parts.append(np.asarray(network(x, inference=True)))
    score = problem.score(problem.out_of_fold(parts))
    assert score.value == pytest.approx(leader.score.value, rel=1e-4)


def test_same_seed_and_trials_same_model(fitted, table):
    again = search().fit(*table)
    pd.testing.assert_frame_equal(
        again.leaderboard().drop(columns="train_seconds"),
        fitted.leaderboard().drop(columns="train_seconds"),
    )
    np.testing.assert_array_equal(
        again.predict_proba(table[0]), fitted.predict_proba(table[0])
    )


def test_saved_and_loaded(fitted, table, tmp_path):
    fitted.save(tmp_path / "model")
    names = sorted(entry.name for entry in (tmp_path / "model").iterdir())
    assert names == ["arrays.safetensors", "model.json"]
    loaded = tw.load(tmp_path / "model")
    np.testing.assert_array_equal(
        loaded.predict_proba(table[0]), fitted.predict_proba(table[0])
    )
    assert loaded.n_features_in_ == 3


def test_new_rows_may_have_other_order_and_unknown_categories(fitted, table):
    frame = table[0].head(5)
    expected = fitted.predict_proba(frame)
    shuffled = frame[["kind", "north", "east"]].assign(other=1)
    np.testing.assert_array_equal(fitted.predict_proba(shuffled), expected)
    unknown = frame.assign(kind="never seen")
    assert np.isfinite(fitted.predict_proba(unknown)).all()


def test_rows_alone_are_rows_together(fitted, table):
    together = fitted.predict_proba(table[0])
    alone = fitted.predict_proba(table[0].iloc[[7]])
    np.testing.assert_allclose(alone[0], together[7], rtol=1e-5)


def test_one_network_instead_of_an_ensemble(table):
    single = search(ensemble=False).fit(*table)
    assert single.fit_.returned == "network"
    assert len(single.model_.trained) == 1


def test_regression_with_a_tail_and_a_date(tmp_path):
    rng = np.random.default_rng(1)
    day = pd.date_range("2020-01-01", periods=160, freq="D")
    x = rng.uniform(0, 3, 160)
    frame = pd.DataFrame({"x": x, "day": day})
    y = np.exp(2 * np.sin(2 * x) + rng.normal(0, 0.05, 160))
    model = TabularRegressor(None, 3, cv=2, preset="fast", random_state=0).fit(frame, y)
    assert model.score(frame, y) > 0.9
    assert model.predict(frame).min() > 0
    model.save(tmp_path)
    np.testing.assert_array_equal(
        tw.load(tmp_path).predict(frame), model.predict(frame)
    )


def test_noise_returns_the_baseline_or_something_no_worse(table):
    rng = np.random.default_rng(2)
    noise = rng.choice(["yes", "no"], len(table[0]))
    model = search().fit(table[0], noise)
    floor = model.fit_.prepared.baseline_score
    assert model.fit_.score.loss <= floor.loss


def test_a_search_needs_a_limit(table):
    with pytest.raises(InvalidInput, match="limit"):
        TabularClassifier(time_limit=None).fit(*table)
