"""The worker's loop: threads, batches, limits, and what Ctrl-C leaves."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import thalweg as tw
from thalweg.core.errors import InvalidInput
from thalweg.proposers import Hyperband
from thalweg.study import Suggestion

LINE = tw.Space({"x": tw.Float(0, 1)})


def square(config):
    return (config["x"] - 0.3) ** 2


@pytest.mark.parametrize("jobs", [{"n_jobs": 3}, {"n_jobs": 3, "executor": True}])
def test_free_workers_get_the_next_suggestion_at_once(jobs):
    """While one evaluation waits for all others, they go on."""
    last = threading.Event()
    seen = []

    def f(config):
        seen.append(config.trial)
        if config.trial == 0:
            assert last.wait(20)
        elif config.trial == 8:
            last.set()
        return square(config)

    study = tw.Study(LINE, proposer="random", seed=2)
    if "executor" in jobs:
        with ThreadPoolExecutor(3) as pool:
            study.optimize(f, n_trials=9, n_jobs=3, executor=pool)
    else:
        study.optimize(f, n_trials=9, **jobs)
    assert sorted(seen) == list(range(9))
    assert study.trials[-1].number in (0, 8)
    assert not study.pending


def test_a_batched_objective_gets_lists():
    sizes = []

    def f(configs):
        sizes.append(len(configs))
        assert all(isinstance(config, Suggestion) for config in configs)
        return np.array([square(config) for config in configs])

    study = tw.Study(LINE, proposer="sobol", seed=0)
    study.optimize(f, n_trials=11, batch_size=4, batched=True)
    assert sizes == [4, 4, 3]
    single = tw.Study(LINE, proposer="sobol", seed=0)
    single.optimize(square, n_trials=11, batch_size=4)
    assert all(t.loss == square(t.config) for t in study.trials)
    assert [t.config for t in study.trials] == [t.config for t in single.trials]


def test_batches_of_rungs_know_their_budgets():
    study = tw.Study(LINE, proposer=Hyperband(min_budget=1 / 9, brackets=1))
    study.optimize(
        lambda configs: {"loss": [square(c) / c.budget for c in configs]},
        n_trials=13,
        batch_size=32,
        batched=True,
    )
    assert sorted({round(t.budget, 3) for t in study.trials}) == [0.111, 0.333, 1.0]


def test_new_trials_and_total_trials():
    study = tw.Study(LINE, proposer="random")
    study.optimize(square, n_trials=4)
    study.optimize(square, total_trials=6)
    assert len(study.trials) == 6
    study.optimize(square, total_trials=6, n_trials=3)
    assert len(study.trials) == 6
    study.optimize(square, total_trials=100, n_trials=3)
    assert len(study.trials) == 9


def test_a_time_limit_alone_is_the_limit():
    study = tw.Study(LINE, proposer="random")
    begin = time.monotonic()
    study.optimize(square, time_limit=0.5, n_jobs=2)
    assert 0.5 <= time.monotonic() - begin < 5
    assert not study.pending


def test_callbacks_see_each_trial_and_may_stop():
    seen = []

    def watch(study, trial):
        seen.append(trial)
        if len(seen) == 4:
            study.stop()

    study = tw.Study(LINE, proposer="random")
    study.optimize(square, n_trials=50, callbacks=[watch])
    assert seen == study.trials
    assert len(seen) == 4


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_ctrl_c_loses_nothing_and_resuming_continues_identically(tmp_path, n_jobs):
    url = f"sqlite:///{tmp_path / 'study.db'}"

    def interrupted(config):
        if config.trial >= 4:
            raise KeyboardInterrupt
        return square(config)

    study = tw.Study(LINE, proposer="random", seed=6, storage=url)
    with pytest.raises(KeyboardInterrupt):
        study.optimize(interrupted, n_trials=10, n_jobs=n_jobs)
    assert {t.number for t in study.trials} == set(range(4))
    again = tw.Study(LINE, proposer="random", seed=6, storage=url)
    again.optimize(square, total_trials=10)
    straight = tw.Study(LINE, proposer="random", seed=6)
    straight.optimize(square, n_trials=10)
    by_number = sorted(again.trials, key=lambda t: t.number)
    assert [t.config for t in by_number] == [t.config for t in straight.trials]


def test_an_interrupt_in_the_midst_of_an_event_is_mended():
    study = tw.Study(LINE, proposer="random", seed=1)
    study.optimize(square, n_trials=3)
    (config,) = study.ask(1)

    class Interrupting(list):
        def __iadd__(self, other):
            raise KeyboardInterrupt

    study.ledger.trials = Interrupting(study.ledger.trials)
    with pytest.raises(KeyboardInterrupt):
        study.tell(config, 1.0)
    assert [t.number for t in study.trials] == [0, 1, 2, 3]
    assert not study.pending
    straight = tw.Study(LINE, proposer="random", seed=1)
    straight.optimize(square, n_trials=5)
    assert study.ask(1)[0] == straight.trials[4].config


def test_an_exception_in_a_thread_lets_the_others_finish():
    begun = threading.Barrier(2)

    def f(config):
        begun.wait(20)
        if config.trial == 0:
            raise ZeroDivisionError
        time.sleep(0.1)
        return square(config)

    study = tw.Study(LINE, proposer="random")
    with pytest.raises(ZeroDivisionError):
        study.optimize(f, n_trials=2, n_jobs=2)
    assert [t.number for t in study.trials] == [1]
    assert [c.trial for c in study.pending] == [0]


def test_what_f_does_to_its_configuration_is_its_own_affair():
    def f(config):
        return config.pop("x")

    study = tw.Study(LINE, proposer="random").optimize(f, n_trials=3)
    assert [t.number for t in study.trials] == [0, 1, 2]
    assert all(t.config["x"] == t.loss for t in study.trials)


def test_a_bar_can_be_shown(capsys):
    tw.Study(LINE, proposer="random").optimize(square, n_trials=3, progress=True)
    assert "3/3" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"n_jobs": 0}, "`n_jobs` must be at least 1, but got 0"),
        ({"batch_size": 0.5}, "`batch_size` must be at least 1"),
    ],
)
def test_errors(arguments, words):
    with pytest.raises(InvalidInput, match=words):
        tw.Study(LINE, proposer="random").optimize(square, n_trials=1, **arguments)
