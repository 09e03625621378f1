"""What mattered is found, and what did not is not."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from thalweg.report import ReportData
from thalweg.report.importance import encoded, importance
from thalweg.store import TrialRow, to_frame

sys.path.insert(0, str(Path(__file__).parent))
from studies import report_data


def study(n: int, score, *, seed: int = 0, **columns) -> ReportData:
    """Trials whose configuration is drawn evenly and scored by `score(config)`."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(n):
        config = {
            "a": rng.random(),
            "b": rng.random(),
            "kind": str(rng.choice(["x", "y"])),
        }
        rows.append(TrialRow(number=number, config=config, score=score(config, rng)))
    return ReportData(trials=to_frame(rows), **columns)


def test_what_matters_comes_first():
    found = importance(report_data(240))
    assert found.names[:2] == ("learning_rate", "network")
    assert found.reason == ""
    assert 0.3 < found.explained < 0.95
    # two factors make up nearly all of what the forest explains
    assert sum(found.shares[:2]) > 0.8 * sum(found.shares)


def test_shares_are_shares_of_the_variance():
    """Of a rank that is a times three plus b, nine tenths of the variance are a's."""
    found = importance(study(800, lambda c, rng: 3 * c["a"] + c["b"]))
    shares = dict(zip(found.names, found.shares, strict=True))
    errors = dict(zip(found.names, found.errors, strict=True))
    assert abs(shares["a"] - 0.9) < 4 * errors["a"] + 0.1
    assert abs(shares["b"] - 0.1) < 4 * errors["b"] + 0.05
    assert shares["kind"] < 0.01
    assert found.explained > 0.9


def test_categories_count():
    found = importance(
        study(200, lambda c, rng: float(c["kind"] == "x") + 0.1 * c["a"])
    )
    assert found.names[0] == "kind"


def test_noise_is_called_noise():
    found = importance(study(120, lambda c, rng: rng.random()))
    assert "can't be foretold" in found.reason


def test_the_direction_does_not_matter():
    def score(c, rng):
        return c["a"]

    up, down = (
        importance(study(60, score)),
        importance(study(60, score, maximize=False)),
    )
    assert up.names[0] == down.names[0] == "a"


def test_divergence_is_the_worst_rank():
    """Only the trials that diverged tell what mattered."""
    data = study(100, lambda c, rng: rng.random())
    trials = data.trials.copy()
    bad = trials["config.a"] > 0.7
    trials.loc[bad, "score"] = float("nan")
    trials.loc[bad, "status"] = "diverged"
    assert importance(replace(data, trials=trials)).names[0] == "a"


def test_a_longer_training_is_not_taken_for_a_better_configuration():
    """Halving trains good ones longer; then budget, not b, explains the score."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(200):
        budget = float(rng.choice([0.1, 0.3, 1.0]))
        config = {"a": rng.random(), "b": budget + 0.3 * rng.random()}
        score = budget + 0.2 * config["a"]
        rows.append(TrialRow(number=number, config=config, score=score, budget=budget))
    found = importance(ReportData(trials=to_frame(rows)))
    alone = ReportData(trials=to_frame([replace(r, budget=1.0) for r in rows]))
    share = dict(zip(found.names, found.shares, strict=True))["b"]
    fooled = importance(alone)
    assert share < 0.6 * dict(zip(fooled.names, fooled.shares, strict=True))["b"]


def test_too_few_trials_are_told():
    assert (
        "at least 20 trials to tell, and there are 5"
        in importance(report_data(5)).reason
    )
    assert importance(report_data(0)).names == ()


def test_encoding():
    np.testing.assert_array_equal(encoded([1, 2.5, float("nan")]), [[1], [2.5], [0]])
    np.testing.assert_array_equal(
        encoded(["b", "a", None]), [[0, 1, 0], [1, 0, 0], [0, 0, 1]]
    )
    np.testing.assert_array_equal(encoded([True, False]), [[1], [0]])
    assert encoded([(1, 2), (3,)]).shape == (2, 2)
