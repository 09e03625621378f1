"""Stopping rules: what is judged, by whom, and what becomes of a stopped trial."""

import math

import numpy as np
import pytest

import thalweg as tw
from thalweg.core.errors import InvalidInput, SearchError, UnknownName
from thalweg.study import Suggestion
from thalweg.study.goals import Goals
from thalweg.study.reports import Reports
from thalweg.study.stopping import (
    STOPPING,
    AbstractStopping,
    Halving,
    Median,
    Patience,
    Percentile,
)
from thalweg.study.stopping.base import beaten

LINE = tw.Space({"x": tw.Float(0, 1)})


def reports_of(*curves, objectives=None, first=1):
    """Reports of trials 0, 1, …: one list of values each, at steps 1, 2, …"""
    goals = Goals.of(objectives, ())
    reports = Reports(goals)
    for trial, curve in enumerate(curves):
        for step, value in enumerate(curve, first):
            reports.add(trial, step, goals.read(value))
    return reports


def test_the_median_rule_compares_the_best_with_the_others_means():
    others = [[4.0, 2.0], [6.0, 4.0], [8.0, 6.0]]  # means at step 2: 3, 5, 7
    rule = Median(startup=3)
    assert not rule.should_stop(reports_of(*others, [9.0, 5.0]), 3)
    assert rule.should_stop(reports_of(*others, [9.0, 5.1]), 3)
    assert not rule.should_stop(reports_of(*others, [4.9, 9.0]), 3)  # its best counts
    assert not Median(startup=4).should_stop(reports_of(*others, [9.0, 9.0]), 3)
    assert not Median(startup=3, warmup=3).should_stop(reports_of(*others, [9, 9]), 3)
    assert not rule.should_stop(reports_of(*others, [9, 9, 9]), 3)  # alone at step 3


def test_the_percentile_rule_keeps_so_many():
    rng = np.random.default_rng(0)
    final = rng.permutation(100).astype(float)
    for keep in (25.0, 75.0):
        reports = reports_of(*([value] for value in final))
        rule = Percentile(keep=keep)
        kept = [not rule.should_stop(reports, trial) for trial in range(100)]
        assert sum(kept) in (int(keep), int(keep) + 1)
        assert max(final[kept]) < min(final[~np.array(kept)])


def test_halving_keeps_a_share_at_each_rung_and_judges_nothing_between():
    values = np.arange(27.0)
    reports = reports_of(*([v] * 3 for v in values))
    rule = Halving(min_steps=3, factor=3)
    kept = [not rule.should_stop(reports, trial) for trial in range(27)]
    assert kept == [True] * 9 + [False] * 18
    assert not Halving(min_steps=4).should_stop(reports, 26)
    assert not Halving(min_steps=2, factor=3).should_stop(
        reports, 26
    )  # at step 2 it was
    # the first to come is the best of one, and goes on
    assert not rule.should_stop(reports_of([5.0] * 3), 0)
    # whoever skips steps is judged at its first beyond the rung
    late = Reports(Goals.of(None, ()))
    for trial, step in enumerate((3, 4, 5)):
        late.add(trial, step, {"loss": float(trial)})
    assert not rule.should_stop(late, 0)
    assert rule.should_stop(late, 2)


def test_patience_looks_at_the_trial_alone():
    rule = Patience(reports=2, min_delta=0.1)
    assert not rule.should_stop(reports_of([1.0, 1.0]), 0)
    assert rule.should_stop(reports_of([1.0, 1.0, 0.95]), 0)
    assert not rule.should_stop(reports_of([1.0, 1.0, 0.85]), 0)
    assert rule.should_stop(reports_of([1.0, math.nan, 1.5]), 0)
    both = {"a": "minimize", "b": "maximize"}
    falls = [(1.0, 0.0), (2.0, 0.0), (2.0, 1.0)]
    assert not rule.should_stop(reports_of(falls, objectives=both), 0)
    assert rule.should_stop(reports_of([(1, 1), (1, 0), (2, 0)], objectives=both), 0)


def test_several_objectives_are_judged_by_pareto_rank():
    both = {"error": "minimize", "accuracy": "maximize"}
    front = [[(float(i), float(i))] for i in range(6)]  # no one beats another
    rule = Median(startup=5)
    behind = reports_of(*front, [(5.0, 0.0)], objectives=both)
    assert rule.should_stop(behind, 6)
    assert not rule.should_stop(behind, 0)
    before = reports_of(*front, [(0.0, 5.0)], objectives=both)
    assert not rule.should_stop(before, 6)


def test_the_share_that_is_better():
    others = np.array([[1.0], [2.0], [2.0], [math.nan], [math.inf]])
    assert beaten(np.array([2.0]), others) == 1 / 5
    assert beaten(np.array([3.0]), others) == 3 / 5
    assert beaten(np.array([math.nan]), others) == 1
    assert beaten(np.array([1.0]), others[:0]) == 0
    two = np.array([[1.0, 5.0], [2.0, 4.0]])
    assert beaten(np.array([math.nan, 4.5]), two) == 1 / 2  # by what it reports


@pytest.mark.parametrize("name", STOPPING)
def test_rules_end_bad_trials_early_and_spare_the_best(name):
    """Curves that fall to their levels: the good finish, the work shrinks."""
    finished, steps = [], 0

    def f(config):
        nonlocal steps
        for step in range(1, 28):
            steps += 1
            config.report(config["x"] + 1 / step, step)
            if config.should_stop():
                return None
        finished.append(config["x"])
        return config["x"]

    rule = {"patience": Patience(reports=3, min_delta=0.01)}.get(name, name)
    study = tw.Study(LINE, proposer="random", seed=1, stopping=rule)
    study.optimize(f, n_trials=30)
    stopped = [t for t in study.trials if t.status == "stopped"]
    assert len(study.trials) == 30
    assert steps < 0.75 * 27 * 30
    for trial in stopped:
        reached = 1 / (trial.loss - trial.config["x"])
        assert 1 <= round(reached) <= 27
    if name != "patience":  # which compares nobody
        assert min(finished) == min(t.config["x"] for t in study.trials)
        assert study.best_config["x"] == min(finished)


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_reports_survive_in_the_log(tmp_path, n_jobs):
    def f(config):
        for step in range(3):
            config.report({"loss": config["x"] + step, "extra": 2.0}, step)
        return config["x"]

    url = f"sqlite:///{tmp_path / 'study.db'}"
    study = tw.Study(LINE, proposer="random", storage=url)
    study.optimize(f, n_trials=5, n_jobs=n_jobs)
    again = tw.Study(LINE, proposer="random", storage=url)
    for trial in again.trials:
        curve = again.reports(trial.number)
        assert curve.equals(study.reports(trial.number))
        assert list(curve.index) == [0, 1, 2]
        np.testing.assert_allclose(curve["loss"], trial.loss + np.arange(3))
        assert (curve["extra"] == 2).all()


def test_a_stopped_trial_is_told_with_its_last_report_or_what_it_gives():
    class Always(AbstractStopping):
        def should_stop(self, reports, trial):
            return True

    study = tw.Study(LINE, proposer="random", stopping=Always())
    a, b, c = study.ask(3)
    for config in (a, b):
        config.report(0.5, 1)
        config.report(0.25, 2)
        assert config.should_stop()
    study.tell([a, b, c], [None, 0.125, 4.0])
    assert [(t.loss, t.status) for t in study.trials] == [
        (0.25, "stopped"),
        (0.125, "stopped"),
        (4.0, "complete"),
    ]
    assert study.best_trial.loss == 4.0  # one that has finished
    (d,) = study.ask(1)
    with pytest.raises(InvalidInput, match="must be a number"):
        study.tell(d, None)


def test_errors_of_reports():
    study = tw.Study(LINE, proposer="random")
    (config,) = study.ask(1)
    config.report(1.0, 3)
    with pytest.raises(InvalidInput, match=r"must grow, .*step 3 after 3\.0"):
        config.report(1.0, 3)
    with pytest.raises(InvalidInput, match="must be a number"):
        config.report("low", 4)
    with pytest.raises(SearchError, match="needs the study"):
        Suggestion({"x": 1.0}, 0).report(1.0, 1)
    assert not config.should_stop()
    with pytest.raises(UnknownName, match="Did you mean 'median'"):
        tw.Study(LINE, stopping="medain")
    with pytest.raises(InvalidInput, match="percentage"):
        Percentile(keep=100)
