"""Objectives, constraints, incumbents: what a study is told and what it answers."""

import math

import numpy as np
import pytest

import thalweg as tw
from thalweg.core.errors import InvalidInput, SearchError, UnknownName

LINE = tw.Space({"x": tw.Float(0, 1)})
BOTH = {"accuracy": "maximize", "seconds": "minimize"}


def told(rows, **more):
    """A study of as many evaluations, at x = 0, 0.1, …"""
    study = tw.Study(LINE, proposer="random", **more)
    study.tell([{"x": i / 10} for i in range(len(rows))], rows)
    return study


def test_a_single_objective_may_be_maximised():
    study = told([0.5, 0.9, 0.7], objectives={"accuracy": "maximize"})
    assert study.best_config == {"x": 0.1}
    assert study.best_loss == -0.9
    assert study.best_trial.values == {"accuracy": 0.9}
    assert list(study.to_dataframe()["accuracy"]) == [0.5, 0.9, 0.7]
    assert "best accuracy 0.9, the lowest told" in repr(study)


def test_the_front_and_its_volume():
    rows = [(0.9, 3.0), (0.8, 1.0), (0.7, 2.0), (0.95, 9.0), (math.nan, 0.0)]
    study = told(rows, objectives=BOTH)
    assert [t.number for t in study.pareto()] == [3, 0, 1]
    # below (0.5, 10): slices along seconds
    area = 0.3 * (3 - 1) + 0.4 * (9 - 3) + 0.45 * (10 - 9)
    assert study.hypervolume((0.5, 10)) == pytest.approx(area)
    assert study.hypervolume({"accuracy": 0.5, "seconds": 10}) == pytest.approx(area)
    assert told([], objectives=BOTH).hypervolume((0, 1)) == 0
    frame = study.to_dataframe()
    assert list(frame.columns[:3]) == ["number", "accuracy", "seconds"]
    assert frame["status"].iloc[4] == "diverged"
    with pytest.raises(SearchError, match="pareto"):
        _ = study.best_trial


def test_values_by_number_tuple_name_and_column():
    by_name = [
        {"seconds": 2.0, "accuracy": 0.5, "note": 7},
        {"accuracy": 1, "seconds": 3},
    ]
    columns = {"accuracy": np.array([0.5, 1.0]), "seconds": [2.0, 3.0]}
    pairs = np.array([[0.5, 2.0], [1.0, 3.0]])
    studies = [told(rows, objectives=BOTH) for rows in (by_name, pairs)]
    study = tw.Study(LINE, proposer="random", objectives=BOTH)
    study.tell([{"x": 0.0}, {"x": 0.1}], columns)
    assert [t.losses for t in study.trials] == [(-0.5, 2.0), (-1.0, 3.0)]
    assert all([t.losses for t in s.trials] == [t.losses for t in study.trials]
               for s in studies)  # fmt: skip
    assert studies[0].trials[0].values["note"] == 7
    assert "note" in studies[0].to_dataframe()


def test_the_infeasible_is_never_best():
    columns = ((1.0, 2.0), (2.0, -1.0), (0.0, math.nan), (3.0, 0.0))
    rows = [{"loss": loss, "memory": memory} for loss, memory in columns]
    study = told(rows, constraints=["memory"])
    states = ["infeasible", "complete", "infeasible", "complete"]
    assert [t.status for t in study.trials] == states
    assert study.best_config == {"x": 0.1}
    with pytest.raises(SearchError, match="meets the constraints"):
        _ = told(rows[:1], constraints="memory").best_loss


def test_the_outcome_reaches_the_proposer():
    outcomes = []

    class Spy(tw.proposers.Random):
        def tell(self, state, outcome):
            outcomes.append(outcome)
            return state

    study = tw.Study(LINE, proposer=Spy(), objectives=BOTH, constraints=["memory"])
    rows = [{"accuracy": 0.5, "seconds": 2.0, "memory": 1.0}] * 2
    study.tell(study.ask(2), rows, seconds=[4.0, 5.0])
    (outcome,) = outcomes
    np.testing.assert_array_equal(outcome.losses, [[-0.5, 2.0]] * 2)
    np.testing.assert_array_equal(outcome.constraints, [[1.0]] * 2)
    np.testing.assert_array_equal(outcome.cost, [4.0, 5.0])


@pytest.mark.parametrize("seed", range(3))
def test_repeated_evaluations_find_the_best_mean_of_a_noisy_function(seed):
    rng = np.random.default_rng(seed)
    study = tw.Study(LINE, proposer="random", seed=seed)

    def f(config):
        return config["x"] + rng.normal(0, 0.5)

    study.optimize(f, n_trials=40)
    lucky = study.best()
    assert (lucky.by, lucky.evaluations, lucky.loss) == ("lowest", 1, study.best_loss)
    with pytest.raises(SearchError, match="reevaluate"):
        study.best("mean")
    study.reevaluate(k=5, repeats=24)
    study.optimize(f, n_trials=5 * 24)
    mean = study.best("mean")
    assert mean.evaluations == 25
    own = [t.loss for t in study.trials if t.config == mean.config]
    assert mean.loss == pytest.approx(np.mean(own))
    assert abs(mean.loss - mean.config["x"]) < 5 * mean.error
    assert 0.05 < mean.error < 0.2  # 0.5 / sqrt(25)
    assert "mean of 25 evaluations" in str(mean)


def test_a_proposer_with_a_model_may_recommend():
    class Knows(tw.proposers.Random):
        def recommend(self, state):
            return np.array([0.2])

    study = tw.Study(LINE, proposer=Knows())
    study.tell([{"x": 0.2}, {"x": 0.9}], [0.3, 0.1])
    best = study.best("model")
    assert (best.config, best.loss, best.by) == ({"x": 0.2}, 0.3, "model")
    assert best.evaluations == 1
    with pytest.raises(SearchError, match="Random has no model"):
        told([1.0]).best("model")


def test_what_is_enqueued_comes_first_and_exactly(tmp_path):
    url = f"sqlite:///{tmp_path / 'study.db'}"
    value = 0.12345678901234567  # finer than what proposals are rounded to
    study = tw.Study(LINE, proposer="random", storage=url)
    study.enqueue([{"x": value}, {"x": 0.5}])
    study.enqueue([{"x": 0.75}], [1.0])
    assert study.trials[0].config == {"x": 0.75}
    again = tw.Study(LINE, proposer="random", storage=url)
    first, second, third = again.ask(3)
    assert (first, second) == ({"x": value}, {"x": 0.5})
    assert third["x"] not in (value, 0.5, 0.75)
    again.tell([second, first], [1.0, 2.0])
    assert [t.number for t in again.trials] == [0, 2, 1]


def test_earlier_studies_are_told_first():
    old = told([0.4, 0.2, 0.3])
    narrow = tw.Space({"x": tw.Float(0.05, 1)})
    study = tw.Study(narrow, proposer="random", warm_start=[old, old.to_dataframe()])
    assert [t.config["x"] for t in study.trials] == [0.1, 0.2, 0.1, 0.2]
    assert study.best_loss == 0.2
    assert study.ask(1)[0].trial == 4
    with pytest.raises(InvalidInput, match="none of 3 fits"):
        tw.Study(tw.Space({"y": tw.Float(0, 1)}), warm_start=[old])


def test_importance_tells_what_mattered_for_each_objective():
    space = tw.Space(
        {
            "big": tw.Float(0, 1),
            "small": tw.Float(0, 1),
            "kind": tw.Choice(["a", "b"]),
            "only": tw.Int(1, 3).when("kind", ["a"]),
            "k": tw.Constant(1),
        }
    )
    study = tw.Study(space, proposer="random", objectives=BOTH, seed=0)
    study.optimize(
        lambda c: (c["big"] + 0.1 * c["small"], 1.0 if c["kind"] == "a" else 2.0),
        n_trials=60,
    )
    accuracy, seconds = study.importance(), study.importance("seconds")
    assert accuracy.names[0] == "big"
    assert accuracy.shares[0] > 3 * max(accuracy.shares[1:])
    assert set(accuracy.names) == {"big", "small", "kind", "only"}
    assert set(seconds.names[:2]) == {"kind", "only"}
    few = told([1.0]).importance()
    assert "at least 20 trials" in few.reason
    with pytest.raises(UnknownName, match="Known: accuracy, seconds"):
        study.importance("memory")


@pytest.mark.parametrize(
    ("act", "error", "words"),
    [
        (lambda: tw.Study(LINE, objectives="maximize"), InvalidInput, "maps names"),
        (lambda: tw.Study(LINE, objectives={"a": "up"}), InvalidInput, "'a': 'up'"),
        (lambda: tw.Study(LINE, objectives=[]), InvalidInput, "at least one"),
        (lambda: tw.Study(LINE, constraints=["loss"]), InvalidInput, "different names"),
        (lambda: told([1.0], objectives=BOTH), InvalidInput, "2 losses"),
        (lambda: told([(1.0,)], objectives=BOTH), InvalidInput, r"\(accuracy, seconds"),
        (lambda: told([{"lost": 1.0}]), InvalidInput, "Did you mean 'lost'"),
        (lambda: told([1.0], constraints=["m"]), InvalidInput, "by name"),
        (lambda: told([1.0]).best("median"), UnknownName, "Known: lowest, mean"),
        (
            lambda: tw.Study(LINE, objectives=["a", "b"], proposer="gp"),
            InvalidInput,
            "GaussianProcess takes 1 objective",
        ),
    ],
)
def test_errors_say_the_rule(act, error, words):
    if "takes 1" in words and tw.proposers.GaussianProcess.objectives != 1:
        pytest.skip("it takes several")
    with pytest.raises(error, match=words):
        act()
