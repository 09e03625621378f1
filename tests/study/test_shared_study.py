"""Several workers on one study at once: nothing lost, nothing doubled."""

import os
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

import thalweg as tw
from thalweg.core.errors import InvalidInput
from thalweg.study import worker
from thalweg.study.journal import Conflict, MemoryJournal
from thalweg.testing.problems import RECIPE
from thalweg.testing.proposers import SMALL

LINE = tw.Space({"x": tw.Float(0, 1)})
PROGRAM = Path(__file__).with_name("study_worker.py")


def open_study(folder, proposer="random", **more):
    url = f"sqlite:///{folder / 'study.db'}"
    return tw.Study(more.pop("space", LINE), proposer=proposer, storage=url, **more)


def check_whole(study, total):
    """Every trial asked for was told, and told once."""
    numbers = [t.number for t in study.trials]
    assert sorted(numbers) == list(range(total))
    assert not study.pending
    assert len({str(t.config) for t in study.trials}) == total


def test_two_studies_of_one_database_share_every_event(tmp_path):
    first, second = open_study(tmp_path), open_study(tmp_path)
    a, b = first.ask(2), second.ask(2)
    assert [c.trial for c in a + b] == [0, 1, 2, 3]
    assert len({c["x"] for c in a + b}) == 4
    second.tell(a[0], 1.0)  # whoever evaluated it
    first.tell(b, [2.0, 3.0])
    second.tell(a[1], 4.0)
    first.refresh()
    assert first.trials == second.trials == open_study(tmp_path).trials
    check_whole(first, 4)


@pytest.mark.slow
def test_a_model_learns_from_both(tmp_path):
    first, second = (open_study(tmp_path, "gp", seed=3) for _ in "ab")
    for study in (first, second) * 8:
        (config,) = study.ask(1)
        study.tell(config, (config["x"] - 0.3) ** 2)
    first.refresh()
    assert first.trials == second.trials
    assert first.best_loss < 1e-3
    assert len({t.config["x"] for t in first.trials}) == 16


def test_a_finite_space_is_divided_without_repeats(tmp_path):
    studies = [open_study(tmp_path, space=SMALL) for _ in range(3)]
    threads = [
        threading.Thread(target=study.optimize, args=(lambda config: config["c"],))
        for study in studies
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check_whole(open_study(tmp_path, space=SMALL), SMALL.size)


def test_total_trials_are_counted_over_all_workers(tmp_path):
    first, second = open_study(tmp_path), open_study(tmp_path)
    first.optimize(lambda config: config["x"], n_trials=4)
    second.ask(2)  # another's, under way
    worker.begin(second._worker)
    try:
        first.optimize(lambda config: config["x"], total_trials=10)
    finally:
        worker.end(second._worker)
    assert len(first.trials) == 8
    second.optimize(lambda config: config["x"], total_trials=10)
    check_whole(second, 10)


def test_what_a_worker_leaves_is_taken_up_once(tmp_path):
    gone = open_study(tmp_path)
    left = gone.ask(3)
    studies = [open_study(tmp_path) for _ in "ab"]
    for study in studies:
        worker.begin(study._worker)  # both are at work
    found = [
        tw.study.work.Work(study, total=None, catch=()).left_behind()
        for study in studies
    ]
    for study in studies:
        worker.end(study._worker)
    assert [c.trial for c in found[0]] == [0, 1, 2]
    assert found[0] == left
    assert found[1] == []


def test_what_a_worker_is_at_stays_its_own(tmp_path):
    busy, other = open_study(tmp_path), open_study(tmp_path)
    mine = busy.ask(2)
    worker.begin(busy._worker)
    try:
        other.optimize(lambda config: config["x"], n_trials=3)
    finally:
        worker.end(busy._worker)
    assert [t.number for t in other.trials] == [2, 3, 4]
    assert other.pending == mine
    assert other.requeue(silent_for=3600) == []
    assert other.requeue() == mine
    other.tell(mine, [1.0, 2.0])
    with pytest.raises(InvalidInput, match="Trial 0 was told already"):
        busy.tell(mine, [3.0, 4.0])
    busy.tell(dict(mine[0]), 5.0)  # another evaluation of the same: a trial of its own
    assert [t.number for t in busy.trials] == [2, 3, 4, 0, 1, 5]


def test_a_late_worker_s_outcome_is_dropped(tmp_path):
    slow, quick = open_study(tmp_path), open_study(tmp_path)

    def f(config):
        if not quick.trials:
            quick.tell(quick.requeue(), [7.0])
            return 1.0
        return 2.0

    slow.optimize(f, n_trials=2, callbacks=[lambda study, trial: study.stop()])
    assert [t.loss for t in slow.trials] == [7.0, 2.0]


def test_workers_know_who_is_gone():
    mine = worker.new_worker()
    assert worker.gone(mine)  # nobody evaluates anything
    worker.begin(mine)
    assert not worker.gone(mine)
    worker.end(mine)
    host, number, began = mine.rpartition("/")[0].rsplit("/", 2)
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    alive = f"{host}/{process.pid}/{worker._began(process.pid)}/0"
    assert not worker.gone(alive)
    assert worker.gone(f"{host}/{process.pid}/{began}-another-time/0")
    process.communicate(b"\n")
    assert worker.gone(alive)
    assert not worker.gone(f"elsewhere/{number}/{began}/0")  # nobody can tell


def test_a_journal_refuses_what_was_made_from_less():
    journal = MemoryJournal()
    journal.append({"event": "a"}, 0)
    with pytest.raises(Conflict):
        journal.append({"event": "b"}, 0)
    assert journal.records() == [{"event": "a"}]


def start(url, total, seconds, proposer="random"):
    command = [sys.executable, str(PROGRAM), url, str(total), str(seconds), proposer]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.mark.slow
@pytest.mark.parametrize("proposer", ["random", "gp"])
def test_processes_share_a_study_and_survive_kills(tmp_path, proposer):
    total, url = 40, f"sqlite:///{tmp_path / 'study.db'}"
    workers = [start(url, total, 0.03, proposer) for _ in range(3)]
    for _ in range(5):  # in the midst of an evaluation
        workers[0].stdout.readline()
    workers[0].kill()
    workers[0].communicate()
    outputs = [process.communicate()[0] for process in workers[1:]]
    assert [process.returncode for process in workers[1:]] == [0, 0]
    again = start(url, total, 0, proposer)  # takes up what is left, if anything is
    again.communicate()
    study = tw.Study(RECIPE.space, proposer=proposer, seed=5, storage=url)
    check_whole(study, total)
    assert all(RECIPE.loss(t.config) == t.loss for t in study.trials)
    begun = Counter(line for text in outputs for line in text.split())
    assert all(count == 1 for count in begun.values())


@pytest.mark.slow
def test_a_killed_study_is_finished_by_the_next_process(tmp_path):
    url = f"sqlite:///{tmp_path / 'study.db'}"
    for count in (3, 4):
        process = start(url, 20, 0.2)
        for _ in range(count):
            process.stdout.readline()
        os.kill(process.pid, 9)
        process.communicate()
    killed = tw.Study(RECIPE.space, proposer="random", seed=5, storage=url)
    assert len(killed.trials) == 5
    assert [c.trial for c in killed.pending] == [5]
    killed.optimize(RECIPE.loss, total_trials=20)
    straight = tw.Study(RECIPE.space, proposer="random", seed=5)
    straight.optimize(RECIPE.loss, total_trials=20)
    assert [t.config for t in killed.trials] == [t.config for t in straight.trials]
