"""To Optuna and back: studies, samplers, proposers. Skipped where Optuna is absent."""

import math
import sys

import numpy as np
import pytest

import thalweg as tw
from thalweg.core.errors import InvalidInput, UnknownName
from thalweg.study.optuna import (
    as_optuna,
    distributions,
    export_study,
    from_optuna,
    import_study,
)
from thalweg.testing.problems import RECIPE
from thalweg.testing.proposers import SMALL

SPACE = tw.Space(
    {
        "x": tw.Float(0, 1),
        "n": tw.Int(1, 64, log=True),
        "step": tw.Float(0, 1, step=0.25),
        "layers": tw.Choice([(8,), (8, 8), None]),
        "m": tw.Float(0, 1).when("layers", [None]),
        "k": tw.Constant("v"),
    }
)


@pytest.fixture
def optuna():
    optuna = pytest.importorskip("optuna", reason="needs optuna, an optional extra")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def loss(config):
    return (config["x"] - 0.3) ** 2 + config["n"] / 64


def test_without_optuna_a_sentence_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(InvalidInput, match=r"pip install thalweg\[optuna\]"):
        distributions(SPACE)


def test_distributions_there_and_back(optuna):
    plain = tw.Space({n: p for n, p in RECIPE.space.parameters.items()
                      if not p.conditions})  # fmt: skip
    again = tw.Space.of(distributions(plain))
    assert again.dimensions == plain.dimensions
    assert again.levels == plain.levels


def test_an_exported_study_is_whole_in_optuna_s_storage(optuna, tmp_path):
    url = f"sqlite:///{tmp_path / 'optuna.db'}"

    def f(config):
        config.report({"loss": 1.0 + loss(config)}, 0)
        if config.trial == 4:
            return math.nan
        return {"loss": loss(config), "memory": config["x"] - 0.9, "note": 2.0}

    study = tw.Study(SPACE, proposer="random", seed=2, constraints=["memory"])
    mirror = [lambda study, trial: export_study(study, url)]
    study.optimize(
        lambda c: f(c) if c.trial != 4 else {}["failed"],
        n_trials=12,
        catch=KeyError,
        callbacks=mirror,
    )
    copy = optuna.load_study(study_name="study", storage=url)
    assert len(copy.trials) == 12
    assert copy.metric_names == ["loss"]
    for mine, theirs in zip(study.trials, copy.trials, strict=True):
        assert theirs.params["x"] == mine.config["x"]
        assert ("m" in theirs.params) == ("m" in mine.config)
        assert theirs.intermediate_values.get(0) == (
            None if mine.number == 4 else 1.0 + mine.loss
        )
        assert theirs.user_attrs["thalweg_trial"] == mine.number
        if mine.number == 4:
            assert theirs.state.name == "FAIL"
        else:
            assert theirs.value == mine.loss
            assert theirs.constraints == {"memory": mine.values["memory"]}
    assert copy.best_value == study.best_loss
    seconds = [t.duration.total_seconds() for t in copy.trials]
    np.testing.assert_allclose(seconds, [t.seconds for t in study.trials], atol=1e-4)


def test_directions_and_pruned_trials(optuna):
    both = {"accuracy": "maximize", "seconds": "minimize"}
    study = tw.Study(SPACE, proposer="random", objectives=both)
    study.optimize(lambda c: (c["x"], c["n"]), n_trials=6)
    copy = export_study(study)
    assert [d.name for d in copy.directions] == ["MAXIMIZE", "MINIMIZE"]
    assert {t.number for t in copy.best_trials} == {t.number for t in study.pareto()}
    again = import_study(copy, SPACE, proposer="random")
    assert [t.values for t in again.trials] == [t.values for t in study.trials]
    assert [t.config for t in again.trials] == [t.config for t in study.trials]


def test_an_optuna_study_becomes_ours(optuna, tmp_path):
    url = f"sqlite:///{tmp_path / 'optuna.db'}"

    def objective(trial):
        x = trial.suggest_float("x", 1e-3, 1, log=True)
        kind = trial.suggest_categorical("kind", ["a", "b"])
        if trial.number == 3:
            trial.report(7.0, 1)
            raise optuna.TrialPruned
        if trial.number == 5:
            raise ZeroDivisionError
        return x + (kind == "a")

    theirs = optuna.create_study(storage=url, study_name="s", direction="maximize")
    theirs.optimize(objective, n_trials=8, catch=(ZeroDivisionError,))
    theirs.enqueue_trial({"x": 0.5, "kind": "b"})
    loaded = optuna.load_study(storage=url, study_name="s")
    study = import_study(loaded, proposer="gp")
    assert study.space == tw.Space(
        {"x": tw.Float(1e-3, 1, log=True), "kind": tw.Choice(["a", "b"])}
    )
    assert len(study.trials) == 8
    assert study.trials[3].values["loss"] == 7.0
    assert math.isnan(study.trials[5].loss)
    assert -study.best_loss == max(theirs.best_value, 7.0)
    first, second = study.ask(2)
    assert first == {"x": 0.5, "kind": "b"}
    assert second["kind"] in "ab"


def test_a_study_of_conditions_needs_its_space(optuna):
    theirs = optuna.create_study()
    theirs.optimize(
        lambda t: t.suggest_float("a" if t.number % 2 else "b", 0, 1), n_trials=4
    )
    with pytest.raises(InvalidInput, match="the same parameters"):
        import_study(theirs)
    with pytest.raises(InvalidInput, match="no trials"):
        import_study(optuna.create_study())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["TPESampler", "RandomSampler"])
def test_a_sampler_of_optuna_s_is_a_proposer(optuna, name):
    from thalweg.testing import proposers as contract

    for check in ("rows", "same_key_same_answer", "bad_losses", "log", "strangers"):
        getattr(contract, f"check_{check}")(from_optuna(name))
    study = tw.Study(SMALL, proposer=from_optuna(name))
    study.optimize(lambda config: config["c"], n_trials=100, batch_size=4)
    assert len(study.trials) == SMALL.size


@pytest.mark.slow
def test_tpe_through_us_learns(optuna):
    line = tw.Space({"x": tw.Float(0, 1), "y": tw.Float(0, 1)})

    def f(config):
        return (config["x"] - 0.3) ** 2 + (config["y"] - 0.8) ** 2

    def mean_best(proposer):
        runs = [tw.Study(line, proposer=proposer, seed=s) for s in range(8)]
        best = [run.optimize(f, n_trials=40).best_loss for run in runs]
        return np.mean(np.log(best)), np.std(np.log(best)) / math.sqrt(8)

    tpe, error = mean_best(from_optuna("TPESampler"))
    random, other = mean_best("random")
    assert tpe + 2 * math.hypot(error, other) < random


def test_a_proposer_is_a_sampler_of_optuna_s(optuna):
    def objective(trial):
        x = trial.suggest_float("x", 0, 1)
        n = trial.suggest_int("n", 1, 64, log=True)
        if trial.suggest_categorical("layers", ["[8]", "[8, 8]", None]) is None:
            trial.suggest_float("m", 0, 1)
        trial.suggest_float("elsewhere", 0, 1)
        return loss({"x": x, "n": n})

    def run(sampler):
        study = optuna.create_study(sampler=sampler)
        study.optimize(objective, n_trials=12)
        return [t.params for t in study.trials]

    space = tw.Space({n: p for n, p in SPACE.parameters.items() if n not in "k step"})
    known = run(as_optuna("halton", space, seed=3))
    straight = tw.Study(space, proposer="halton", seed=3).ask(12)
    assert [p["x"] for p in known] == [config["x"] for config in straight]
    inferred = run(as_optuna("sobol", seed=3))
    assert len({p["x"] for p in inferred}) == 12


@pytest.mark.slow
def test_a_model_of_ours_learns_within_optuna(optuna):
    study = optuna.create_study(sampler=as_optuna("gp", seed=0), direction="maximize")
    study.optimize(lambda t: -((t.suggest_float("x", 0, 1) - 0.3) ** 2), n_trials=15)
    assert study.best_value > -1e-3


def test_errors(optuna):
    with pytest.raises(UnknownName, match="Did you mean 'TPESampler'"):
        from_optuna("TPSampler")
    with pytest.raises(InvalidInput, match="resumes trials"):
        as_optuna("hyperband")
    study = tw.Study(SPACE, proposer="random")
    study.optimize(loss, n_trials=1)
    copy = export_study(study)
    assert copy.study_name == "study"
