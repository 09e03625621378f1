"""Kept round by round and gone on with: to the answer of a run without a break."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pandas as pd
import pytest
from tiny_search import (
    PROPOSERS,
    ROUND,
    TRIALS,
    board,
    problem,
    rows,
    same,
    search,
    stop_after,
)

import thalweg
from thalweg.proposers import Random
from thalweg.store import Store, StudyRow
from thalweg.study.recorder import StoreRecorder
from thalweg.training import Engine


@pytest.fixture(scope="module", params=PROPOSERS)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def whole(name, engine):
    """A run without a break and without a store."""
    found = search(PROPOSERS[name], engine)
    found.run(trials=TRIALS[name])
    return found


def begun(path: Path, proposer, engine, *, rounds: int, trials: int, **rest):
    """A recorded search that is broken off between rounds."""
    with Store.create(path, StudyRow()) as store:
        found = search(proposer, engine, recorder=StoreRecorder(store), **rest)
        found._watch = stop_after(rounds)
        found.run(trials=trials)
        assert found.rounds == rounds == len(store.rounds())
    return found


def gone_on(path: Path, proposer, engine, *, trials: int, **rest):
    """New objects, as in a new process."""
    with Store.open(path, write=True) as store:
        recorder = StoreRecorder(store)
        found = search(proposer, engine, recorder=recorder, **rest)
        recorder.restore(found)
        found.run(trials=trials)
    return found


def without_times(state) -> list[bytes]:
    """The leaves of a proposer's state but for the seconds that trials took."""
    return [
        np.asarray(leaf).tobytes()
        for path, leaf in jax.tree.leaves_with_path(state)
        if path[-1] != jax.tree_util.GetAttrKey("cost")
    ]


@pytest.mark.parametrize("rounds", [1, 3])
def test_going_on_gives_the_answer_of_an_unbroken_run(
    name, whole, engine, rounds, tmp_path: Path
):
    proposer, trials = PROPOSERS[name], TRIALS[name]
    begun(tmp_path / "run", proposer, engine, rounds=rounds, trials=trials)
    again = gone_on(tmp_path / "run", proposer, engine, trials=trials)
    assert again.rounds == whole.rounds > rounds
    assert same(rows(again), rows(whole))
    assert board(again) == board(whole)
    assert without_times(again.state) == without_times(whole.state)


def test_a_break_after_every_round(name, whole, engine, tmp_path: Path):
    proposer, trials = PROPOSERS[name], TRIALS[name]
    begun(tmp_path / "run", proposer, engine, rounds=1, trials=trials)
    for rounds in range(2, whole.rounds):
        broken = gone_on(
            tmp_path / "run", proposer, engine, trials=trials, watch=stop_after(rounds)
        )
        assert broken.rounds == rounds
    again = gone_on(tmp_path / "run", proposer, engine, trials=trials)
    assert same(rows(again), rows(whole))
    assert board(again) == board(whole)


def test_a_break_within_a_round_loses_that_round_only(
    name, whole, engine, tmp_path: Path, monkeypatch
):
    monkeypatch.setattr("thalweg.training.engine.SEGMENT_SECONDS", 1e-9)
    proposer, trials = PROPOSERS[name], TRIALS[name]

    def pull(found):
        if found.rounds == 1 and found.pending and not engine.interrupted:
            raise KeyboardInterrupt

    with Store.create(tmp_path / "run", StudyRow()) as store:
        found = search(proposer, engine, recorder=StoreRecorder(store), watch=pull)
        found.run(trials=trials)
        assert len(store.rounds()) == 1
        assert len(found.trials) >= len(store.trials())
    monkeypatch.undo()
    again = gone_on(tmp_path / "run", proposer, engine, trials=trials)
    assert same(rows(again), rows(whole))
    assert board(again) == board(whole)


def test_a_new_engine_in_a_new_process(engine, tmp_path: Path):
    proposer = PROPOSERS["hyperband"]
    expected = search(proposer, engine)
    expected.run(trials=99)
    begun(tmp_path / "run", proposer, engine, rounds=2, trials=99)
    fresh = Engine(problem().training_task(), steps=ROUND, devices=1)
    again = gone_on(tmp_path / "run", proposer, fresh, trials=99)
    assert same(rows(again), rows(expected))
    assert board(again) == board(expected)


def test_what_is_restored_is_what_was(engine, tmp_path: Path):
    """Trials with their curves, networks and predictions; the rounds; the clock."""
    before = begun(tmp_path / "run", Random(), engine, rounds=2, trials=99, keep=5)
    with Store.open(tmp_path / "run", write=True) as store:
        recorder = StoreRecorder(store)
        after = search(Random(), engine, recorder=recorder, keep=5)
        recorder.restore(after)
    assert after.rounds == 2
    assert same(rows(after), rows(before))
    assert board(after) == board(before)
    for number, trial in before.trials.items():
        restored = after.trials[number]
        assert restored.parameters == trial.parameters
        assert restored.train_seconds == trial.train_seconds
        assert (restored.started, restored.finished) == (trial.started, trial.finished)
        networks = jax.tree.leaves(restored.networks)
        for one, other in zip(networks, jax.tree.leaves(trial.networks), strict=True):
            assert np.asarray(one).tobytes() == np.asarray(other).tobytes()
    assert sum(bool(t.networks) for t in after.trials.values()) == 5
    x = problem().x[0]
    best = after.leaderboard[0]
    for one, other in zip(best.networks, before.leaderboard[0].networks, strict=True):
        np.testing.assert_array_equal(one(x), other(x))
    assert after.clock.elapsed >= before.trials[7].finished
    assert after.spent()["propose"] >= before.clock.propose > 0


def test_files_of_weights_are_those_of_the_best(engine, tmp_path: Path):
    """None is left behind when a trial is promoted or falls out of the best."""
    proposer = PROPOSERS["hyperband"]
    with Store.create(tmp_path / "run", StudyRow()) as store:
        recorder = StoreRecorder(store)

        def check(found):
            if found.pending or not found.rounds:
                return
            kept = {t.number: t.weights for t in store.trials() if t.weights}
            best = {t.number for t in found.leaderboard[:4]}
            assert set(kept) == best
            files = {path.name for path in store.rundir.weights.iterdir()}
            assert files == set(kept.values())
            checked.append(found.rounds)

        checked: list[int] = []
        found = search(proposer, engine, recorder=recorder, watch=check, keep=4)
        found.run(trials=99)
        assert checked == list(range(1, found.rounds + 1))


def test_nothing_recorded_is_nothing_restored(engine, tmp_path: Path):
    with Store.create(tmp_path / "run", StudyRow()) as store:
        recorder = StoreRecorder(store)
        found = search(Random(), engine, recorder=recorder)
        recorder.restore(found)
        assert (found.rounds, found.trials) == (0, {})


def test_rounds_say_what_the_time_went_on(engine, tmp_path: Path):
    found = begun(tmp_path / "run", Random(), engine, rounds=3, trials=99)
    with Store.open(tmp_path / "run") as store:
        spent: dict[str, float] = {}
        for event in store.events():
            assert event.seconds >= 0
            spent[event.kind] = spent.get(event.kind, 0.0) + event.seconds
        last = store.last_round()
        assert last.counters["members"] == found.engine.tally.members
        assert last.seconds <= found.clock.elapsed
    for kind, seconds in found.spent().items():
        if kind != "store":  # its last round is being written
            assert spent[kind] == pytest.approx(seconds, abs=0.05), kind


# Killed


def write_table(path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(90, 3)).round(6)
    label = np.where(x @ [1.0, -2.0, 0.5] + rng.normal(size=90) > 0, "yes", "no")
    cells = zip(*x.T, label, strict=True)
    lines = ["a,b,c,label", *(",".join(map(str, row)) for row in cells)]
    path.write_text("\n".join(lines) + "\n")


def started(table: Path, out: Path) -> subprocess.Popen[str]:
    script = Path(__file__).with_name("kill_me.py")
    return subprocess.Popen(
        [sys.executable, str(script), str(table), str(out)],
        stdout=subprocess.PIPE,
        text=True,
    )


def stored(path: Path) -> list[tuple]:
    with Store.open(path) as store:
        assert store.study().status == "finished"
        return [
            (
                row.number,
                row.config,
                row.status,
                row.score,
                row.loss,
                row.steps,
                [np.asarray(c.metrics["loss"]) for c in store.curves(row.number)],
            )
            for row in store.trials()
        ]


@pytest.mark.slow
def test_killed_at_random_moments_it_goes_on_to_the_same_answer(tmp_path: Path):
    """`kill -9` after something was recorded, twice, then to the end."""
    table = tmp_path / "table.csv"
    write_table(table)
    with started(table, tmp_path / "whole") as process:
        assert process.wait() == 0
    chance = random.Random(time.time_ns())
    out = tmp_path / "killed"
    for _ in range(2):
        with started(table, out) as process:
            assert process.stdout is not None
            process.stdout.readline()  # it trains
            time.sleep(chance.uniform(0.0, 1.0))
            process.send_signal(signal.SIGKILL)
    with started(table, out) as process:
        assert process.wait() == 0
    assert same(stored(out), stored(tmp_path / "whole"))
    frame = pd.read_csv(table).drop(columns="label")
    models = [thalweg.load(tmp_path / name) for name in ("whole", "killed")]
    one, other = (model.predict_proba(frame) for model in models)
    np.testing.assert_array_equal(one, other)
