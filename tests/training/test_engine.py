"""The imperative half: clocks, memory, interruption, several programs."""

import time

import jax
import numpy as np
import pytest
from tiny_members import BATCH, ROUND, SIZES, bits, candidate, job, results

from thalweg.core.errors import InvalidInput
from thalweg.training import Engine
from thalweg.training.population import Program

FOREVER = 100_000_000
ROWS = 59


def test_nothing_to_do(both):
    assert both.train([]) == []


def test_a_deadline_cuts_with_the_best_so_far(both):
    whole = both.train([job(i, candidate(steps=400)) for i in range(2)])
    work = [job(i, candidate(steps=FOREVER, horizon=40)) for i in range(300)]
    begin = time.process_time()  # of both cores: a busy machine must not fail this
    ended = both.train(work, deadline=time.monotonic() + 0.5)
    assert time.process_time() - begin < 2 * 0.5 + 1
    assert 0 < len(ended) < 300  # whoever was never judged is left out
    assert {end.status for end in ended} == {"cut"}
    for end in ended:
        best = int(np.argmin(end.curve[:, 2]))
        assert end.loss == np.float32(end.curve[best, 2])
        assert end.step == end.curve[best, 0]
        assert end.steps == end.curve[-1, 0]
        assert len(end.outputs) == SIZES[end.job.split][1]
    for end, uncut in zip(ended, whole, strict=False):
        rows = min(len(end.curve), len(uncut.curve))
        assert bits(end.curve[:rows]) == bits(uncut.curve[:rows])
    assert not both.interrupted
    assert both.tally.waiting == 0
    (after,) = both.train([job(0)])  # nobody lives there any more
    assert after.status == "complete"


def test_a_deadline_that_has_passed(both):
    assert both.train([job(0)], deadline=time.monotonic() - 1) == []
    assert both.tally.waiting == 0


def test_the_first_compilation_is_begun_however_short_the_time(tiny_task):
    engine = Engine(tiny_task, steps=ROUND, devices=1)
    begin = time.monotonic()
    assert engine.train([job(0)], deadline=begin + 0.01) == []
    assert time.monotonic() - begin < 1  # nobody waits for it beyond the deadline
    (ended,) = engine.train([job(0)])
    assert ended.status == "complete"
    assert engine.tally.programs == 1


def test_no_other_compilation_begins_that_cannot_end_in_time(both, monkeypatch):
    both.train([job(0)])
    monkeypatch.setattr("thalweg.training.engine.COMPILE_MARGIN", 1e6)
    before, begin = both.tally.programs, time.monotonic()
    other = job(0, candidate(batch_size=BATCH - 1))
    assert both.train([other], deadline=begin + 60) == []
    assert time.monotonic() - begin < 30
    assert both.tally.programs == before


def test_no_round_begins_that_cannot_end_in_time(both, monkeypatch):
    both.train([job(0)])
    for bench in both._benches.values():
        monkeypatch.setattr(bench, "step_seconds", 1e6)
    begin = time.monotonic()
    assert both.train([job(0)], deadline=begin + 60) == []
    assert time.monotonic() - begin < 30


def test_an_interrupt_keeps_what_was_done(both, monkeypatch):
    monkeypatch.setattr("thalweg.training.engine.SEGMENT_SECONDS", 1e-6)
    jobs = [job(i, candidate(steps=40 if i < 2 else FOREVER)) for i in range(4)]
    expected = results(both.train(jobs[:2]))
    before = both.tally.members

    def pull(tally):
        if tally.members - before >= 2 and not both.interrupted:
            raise KeyboardInterrupt

    both.watch = pull
    ended = both.train(jobs)
    assert both.interrupted
    assert {i: r for i, r in results(ended).items() if i < 2} == expected
    assert all(end.status == "cut" for end in ended[2:])
    assert both.train([job(0)]) == []  # it stays interrupted
    both.interrupted = False
    both.watch = lambda tally: None
    assert results(both.train(jobs[:2])) == expected


def test_the_tally(both):
    before, seen = vars(both.tally).copy(), []
    both.watch = lambda tally: seen.append((tally.members, tally.waiting))
    ended = both.train([job(i) for i in range(5)])
    tally = both.tally
    assert tally.members - before["members"] == 5
    assert tally.steps - before["steps"] == sum(end.steps for end in ended) == 200
    assert tally.train_seconds > before["train_seconds"]
    assert tally.waiting == 0
    assert [members + waiting - before["members"] for members, waiting in seen] == [
        5
    ] * len(seen)
    spent = sum(end.seconds for end in ended)
    assert spent == pytest.approx(tally.train_seconds - before["train_seconds"])


def exhausted(*_, **__):
    raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating")


@pytest.fixture
def small(tiny_task):
    """Two places on one device, so that less is one."""
    return Engine(tiny_task, steps=ROUND, devices=1, places=2)


def test_a_program_that_does_not_fit_is_made_smaller(small, both, monkeypatch):
    compiled = Program.compile
    tried = []

    def compile_if_small(self, task):
        tried.append(self.capacity)
        compiled(self, task) if self.capacity == 1 else exhausted()

    monkeypatch.setattr(Program, "compile", compile_if_small)
    expected = results(both.train([job(i) for i in range(3)]))
    assert results(small.train([job(i) for i in range(3)])) == expected
    assert tried == [2, 1]
    assert small.tally.programs == 1


def test_memory_that_ends_in_the_middle(small, both, monkeypatch):
    """Members begin anew, in fewer places, to the same result."""
    expected = results(both.train([job(i) for i in range(3)]))
    run, calls = Program.run, []

    def run_at_first(self, *rest):
        calls.append(self.capacity)
        return exhausted() if len(calls) == 2 else run(self, *rest)

    monkeypatch.setattr(Program, "run", run_at_first)
    monkeypatch.setattr("thalweg.training.engine.SEGMENT_SECONDS", 1e-6)
    assert results(small.train([job(i) for i in range(3)])) == expected
    assert calls[:2] == [2, 2]
    assert set(calls[2:]) == {1}


def test_what_never_fits_is_infeasible_and_the_others_go_on(both, monkeypatch):
    compiled = Program.compile

    def compile_known(self, task):
        recipe = self._recipe(self.example)
        compiled(self, task) if recipe.batch_size == BATCH else exhausted()

    monkeypatch.setattr(Program, "compile", compile_known)
    jobs = [job(i, candidate(batch_size=BATCH - i % 2)) for i in range(6)]
    ended = both.train(jobs)
    statuses = [end.status for end in ended]
    assert statuses == ["complete", "infeasible"] * 3
    for end in ended[1::2]:
        assert end.network is end.outputs is end.state is None
        assert np.isnan(end.loss)
        assert (end.steps, end.curve.shape) == (0, (0, 3))
    assert both.tally.waiting == 0


def test_other_failures_of_the_device_are_not_hidden(small, monkeypatch):
    def broken(self, task):
        raise jax.errors.JaxRuntimeError("INTERNAL: the compiler is broken")

    monkeypatch.setattr(Program, "compile", broken)
    with pytest.raises(jax.errors.JaxRuntimeError, match="INTERNAL"):
        small.train([job(0)])


def test_known_says_what_is_compiled(both, tiny_task):
    both.train([job(0)])
    assert both.known(candidate(0.5, dropout=0.3))
    assert not both.known(candidate(batch_size=BATCH - 2))
    assert both.compile_estimate() > 0
    assert Engine(tiny_task, steps=ROUND).compile_estimate() > 1


def test_a_batch_is_no_longer_than_the_training_part(both):
    smallest = min(train for train, _ in SIZES)
    with pytest.raises(InvalidInput, match=f"batch_size.*{smallest}.*got {ROWS}"):
        both.train([job(0, candidate(batch_size=ROWS))])
    assert both.tally.waiting == 0


def test_a_round_has_steps(tiny_task):
    with pytest.raises(InvalidInput, match="`steps` must be at least 1, but got 0"):
        Engine(tiny_task, steps=0)
