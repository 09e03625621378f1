"""Killed at any moment, on a full disk, two at once: every committed round is whole."""

import errno
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy.exc import OperationalError

from thalweg.core.errors import StoreError
from thalweg.store import Round, RunDir, Store, StudyRow, TrialRow, unpack
from thalweg.testing.store import same_row

sys.path.insert(0, str(Path(__file__).parent))
from crash_writer import REPLICAS, TRIALS, round_of

WRITER = Path(__file__).with_name("crash_writer.py")


def start_writer(path: Path) -> subprocess.Popen[str]:
    command = [sys.executable, str(WRITER), str(path)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def assert_whole(store: Store, acknowledged: int) -> int:
    """Rounds 0 … n - 1, each as it was recorded, none that was promised missing."""
    rounds = store.rounds()
    assert [r.number for r in rounds] == list(range(len(rounds)))
    assert len(rounds) > acknowledged
    trials = store.trials()
    assert len(trials) == TRIALS * len(rounds)
    for number in range(len(rounds)):
        expected = round_of(number)
        got = trials[number * TRIALS : (number + 1) * TRIALS]
        assert [t.config for t in got] == [t.config for t in expected.trials]
        assert [t.score for t in got] == [t.score for t in expected.trials]
    for curve in round_of(len(rounds) - 1).curves if rounds else ():
        assert same_row(store.curves(curve.trial)[curve.replica], curve)
        assert len(store.curves(curve.trial)) == REPLICAS
    if rounds:
        assert rounds[-1].state == round_of(len(rounds) - 1).state
        assert int(unpack(rounds[-1].state)[-1]) == len(rounds) - 1
    assert len(store.events()) == len(rounds)
    return len(rounds)


def assert_only_survivors_weights(store: Store) -> None:
    """The last round's first trial, and nothing that a killed process left."""
    (survivor,) = [t for t in store.trials() if t.weights]
    assert survivor.number == (len(store.rounds()) - 1) * TRIALS
    arrays, _ = store.rundir.load_weights(survivor.weights)
    assert (arrays["kernel"] == survivor.number).all()
    assert [p.name for p in store.rundir.weights.iterdir()] == [survivor.weights]


def test_killed_at_random_moments(tmp_path: Path):
    path = tmp_path / "run"
    chance = random.Random(0)
    recorded = 0
    for _ in range(10):
        with start_writer(path) as writer:
            assert writer.stdout is not None
            first = writer.stdout.readline()
            time.sleep(chance.uniform(0.0, 0.15))
            writer.send_signal(signal.SIGKILL)
            promised = [first, *writer.stdout.readlines()]
        lines = [int(line) for line in promised if line.endswith("\n")]
        with Store.open(path) as store:  # a reader sees it whole before any repair
            seen = len(store.rounds())
            assert seen > max(lines)
        with Store.open(path, write=True) as store:
            now = assert_whole(store, max(lines))
            assert now == seen
            assert_only_survivors_weights(store)
        assert now > recorded
        recorded = now
    # once closed, everything lies in one plain file
    assert not list(path.glob("study.db-*"))


def test_killed_while_it_is_created(tmp_path: Path):
    """Whatever moment of the creation is the last, the directory can be used again."""
    chance = random.Random(1)
    for attempt in range(4):
        path = tmp_path / f"run{attempt}"
        code = (
            "import sys\nfrom thalweg.store import Store, StudyRow\n"
            "sys.stdout.write('ready\\n'); sys.stdout.flush()\n"
            f"Store.create({str(path)!r}, StudyRow()).close()\n"
        )
        command = [sys.executable, "-c", code]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(chance.uniform(0.0, 0.06))
            process.kill()
        with suppress(StoreError):  # the creation was already through
            Store.create(path, StudyRow()).close()
        Store.open(path).close()


@pytest.mark.parametrize("stage", ["mark", "insert_study"])
def test_creation_that_stopped_can_be_repeated(stage, tmp_path: Path, monkeypatch):
    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    owner = RunDir if stage == "mark" else "thalweg.store.writing"
    target = (owner, stage) if stage == "mark" else (f"{owner}.{stage}",)
    with monkeypatch.context() as patch:
        patch.setattr(*target, stop)
        with pytest.raises(KeyboardInterrupt):
            Store.create(tmp_path / "run", StudyRow())
    with pytest.raises(StoreError, match=r"has none|was written|holds none"):
        Store.open(tmp_path / "run")
    with Store.create(tmp_path / "run", StudyRow(seed=5)) as store:
        assert store.study().seed == 5


def test_only_one_process_writes_and_others_read(tmp_path: Path):
    path = tmp_path / "run"
    with start_writer(path) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        with pytest.raises(
            StoreError, match=rf"process {writer.pid} on .* does\. Wait"
        ):
            Store.open(path, write=True)
        with pytest.raises(StoreError, match="Only one process may write"):
            Store.create(path, StudyRow())
        with Store.open(path) as reader:
            before = len(reader.rounds())
            deadline = time.monotonic() + 20
            while len(reader.rounds()) < before + 3:  # reading never stops the writer
                assert time.monotonic() < deadline
            trials = len(reader.trials())
            assert trials % TRIALS == 0
            with pytest.raises(StoreError, match="opened to read"):
                reader.record(Round(number=10**6))
        writer.kill()
    Store.open(path, write=True).close()  # a dead process holds nothing


def test_two_stores_in_one_process_exclude_each_other(tmp_path: Path):
    with (
        Store.create(tmp_path / "run", StudyRow()),
        pytest.raises(StoreError, match="Only one process may write"),
    ):
        Store.open(tmp_path / "run", write=True)
    Store.open(tmp_path / "run", write=True).close()


def test_a_reader_with_a_transaction_open_does_not_stop_the_writer(tmp_path: Path):
    with Store.create(tmp_path / "run", StudyRow()) as store:
        store.record(round_of(0))
        with Store.open(tmp_path / "run") as reader, reader._reading() as connection:
            connection.exec_driver_sql("SELECT * FROM thalweg_trial").fetchone()
            store.record(round_of(1))
        assert len(store.rounds()) == 2


def test_another_thread_may_read_while_one_writes(tmp_path: Path):
    """The live display asks for trials while the loop records."""
    failures: list[Exception] = []
    done = threading.Event()

    def watch(store: Store) -> None:
        try:
            while not done.is_set():
                assert len(store.trials()) % TRIALS == 0
        except Exception as error:
            failures.append(error)

    with Store.create(tmp_path / "run", StudyRow()) as store:
        thread = threading.Thread(target=watch, args=(store,))
        thread.start()
        for number in range(10):
            store.record(round_of(number))
        done.set()
        thread.join()
    assert not failures


@contextmanager
def file_size_limit(size: int):
    """The system refuses to grow any file beyond `size`, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def record_until_refused(store: Store) -> None:
    for number in range(100):
        store.record(round_of(number))


def test_a_full_disk_loses_the_running_round_only(tmp_path: Path):
    with Store.create(tmp_path / "run", StudyRow()) as store:
        with file_size_limit(400_000):
            with pytest.raises(StoreError, match=r"is full, or .* Free some space"):
                record_until_refused(store)
            number = assert_whole(store, acknowledged=1)
            with pytest.raises(StoreError, match="is full"):
                store.rundir.save_weights(0, {"x": np.zeros(100_000)})
            assert not list(store.rundir.weights.iterdir())
        store.record(round_of(number))  # there is space again
        assert assert_whole(store, acknowledged=number) == number + 1
    with Store.open(tmp_path / "run") as store:
        assert len(store.rounds()) == number + 1


def test_no_space_for_a_new_run(tmp_path: Path):
    with file_size_limit(0), pytest.raises(StoreError, match="is full"):
        Store.create(tmp_path / "run", StudyRow())
    Store.create(tmp_path / "run", StudyRow()).close()


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (errno.EROFS, "can't be written .* Choose a directory that you may"),
        (errno.EACCES, "can't be written .* Choose a directory that you may"),
        (errno.ENOSPC, "disk is full, or its quota"),
        (errno.EDQUOT, "disk is full, or its quota"),
        (errno.EIO, "can't be used"),
    ],
)
def test_what_the_system_refuses_is_explained(code, says, tmp_path: Path, monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(StoreError, match=says) as caught:
        Store.create(tmp_path / "run", StudyRow())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ("attempt to write a readonly database", "you may write to"),
        ("database or disk is full", "is full"),
        ("database is locked", "Another program keeps"),
        ("database disk image is malformed", "is damaged"),
    ],
)
def test_what_the_database_refuses_is_explained(
    said, says, tmp_path: Path, monkeypatch
):
    def refuse(*args, **kwargs):
        raise OperationalError("INSERT …", {}, Exception(said))

    with Store.create(tmp_path / "run", StudyRow()) as store:
        monkeypatch.setattr("thalweg.store.writing.insert_round", refuse)
        with pytest.raises(StoreError, match=says):
            store.record(Round(number=0))
        monkeypatch.undo()
        store.record(Round(number=0, trials=[TrialRow(number=0, config={})]))


@pytest.mark.parametrize("damage", [b"", b"not a database at all" * 100, None])
def test_a_damaged_file_is_explained(damage, tmp_path: Path):
    path = tmp_path / "run"
    with Store.create(path, StudyRow()) as store:
        for number in range(5):
            store.record(round_of(number))
    file = path / "study.db"
    if damage is None:
        data = bytearray(file.read_bytes())
        data[4096:] = bytes(len(data) - 4096)
        damage = bytes(data)
    file.write_bytes(damage)
    with pytest.raises(StoreError, match=r"is damaged|holds none") as caught:
        Store.open(path).trials()
    assert "\n" not in str(caught.value)
