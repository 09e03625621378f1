"""A member's result depends on its own job: never on neighbours, places or devices."""

import equinox as eqx
import jax
import numpy as np
import pytest
from tiny_members import (
    POISONED_TRAINING,
    POISONED_VALIDATION,
    ROUND,
    SPLITS,
    candidate,
    dataset,
    job,
    lent,
    result,
    results,
    splits,
)

from thalweg.spaces import Choice, Constant, Float, Int, Space
from thalweg.training import Assembler, Engine

MANY = 64


@pytest.fixture(scope="module")
def crowd(shared_both):
    """64 members that trained together, by number."""
    return lent(shared_both).train([job(i) for i in range(MANY)])


@pytest.fixture(scope="module")
def expected(crowd):
    return results(crowd)


def test_everybody_ends_and_learns(crowd):
    assert [end.job.trial for end in crowd] == list(range(MANY))
    assert {end.status for end in crowd} == {"complete"}
    gain = [end.curve[0, 2] - end.loss for end in crowd]
    assert np.median(gain) > 0.02
    assert len({end.loss for end in crowd}) == MANY


def test_alone_and_among_few(both, expected):
    for number in (0, 23, 63):
        (end,) = both.train([job(number)])
        assert result(end) == expected[number]
    few = results(both.train([job(i) for i in range(20, 27)]))
    assert few == {i: expected[i] for i in range(20, 27)}


def test_the_order_of_jobs_changes_nothing(both, expected):
    order = np.random.default_rng(0).permutation(MANY)
    ended = both.train([job(int(i)) for i in order])
    assert [end.job.trial for end in ended] == list(range(MANY))
    assert results(ended) == expected


def test_one_device_or_two(single, expected):
    ended = single.train([job(i) for i in range(MANY)])
    assert results(ended) == expected
    assert single.tally.programs == 1


@pytest.mark.parametrize("seconds", [1e-6, 0.003, 60.0])
def test_the_length_of_visits_changes_nothing(both, expected, monkeypatch, seconds):
    monkeypatch.setattr("thalweg.training.engine.SEGMENT_SECONDS", seconds)
    ended = both.train([job(i) for i in range(9)])
    assert results(ended) == {i: expected[i] for i in range(9)}


def test_a_diverging_member_ends_alone(both, expected):
    wild = {i: job(100 + i, candidate(1e30)) for i in (0, 3, 4)}
    jobs = [wild.get(i, job(i)) for i in range(9)]
    ended = both.train(jobs)
    found = results(ended)
    assert {i: r for i, r in found.items() if i < 100} == {
        i: expected[i] for i in range(9) if i not in wild
    }
    for end in ended[-3:]:
        assert end.status == "diverged"
        assert end.steps == ROUND
        assert np.isnan(end.loss)
        assert end.network is end.outputs is None
        assert np.isnan(end.curve[-1, 2])


def test_no_row_of_another_split_is_read(crowd):
    """All that is not a split's own is NaN; see `tiny_members`."""
    x = dataset().x
    assert np.isnan(x).any(axis=2).mean() > 0.4
    for split in range(SPLITS):
        own = [end for end in crowd if end.job.split == split]
        assert len(own) >= 20
        assert all(np.isfinite(end.curve).all() for end in own)
        sizes = {len(end.outputs) for end in own}
        assert sizes == {len(splits()[split][1])}


def test_a_row_that_is_poisoned_is_met(both):
    """… so the poison would have shown: in training once it is drawn, in validation at
    once. What was best before is kept."""
    both.steps = 1
    recipe = candidate(1e-3)
    late = both.train([job(i, recipe, split=POISONED_TRAINING) for i in range(8)])
    assert {end.status for end in late} == {"diverged"}
    assert {end.steps for end in late} == {1, 2, 3}  # an epoch has less than 3
    for end in late:
        assert len(end.curve) == end.steps
        assert np.isnan(end.curve[-1]).tolist() == [False, True, True]
        assert end.step == end.steps - 1
        assert (end.network is None) == (end.step == 0)
        assert np.isfinite(end.curve[:-1]).all()
        leaves = jax.tree.leaves(eqx.filter(end.network, eqx.is_array_like))
        assert all(np.isfinite(leaf).all() for leaf in leaves)
    (never,) = both.train([job(0, recipe, split=POISONED_VALIDATION)])
    assert (never.status, never.steps, never.network) == ("diverged", 1, None)
    assert np.isnan(never.curve[-1]).tolist() == [False, False, True]


def test_one_compilation_serves_all_values_and_sizes(both, expected):
    """Counted by the engine, and by JAX itself."""
    both.train([job(0)])
    compiled = []

    def listen(event, seconds, **_):
        if "compile" in event:
            compiled.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        both.train([job(i, candidate(1e-3, dropout=0.3, clip=0.1)) for i in range(3)])
        both.train([job(i, candidate(0.2, l1=0.1, smoothing=0.2)) for i in range(70)])
        assert compiled == []
        jax.jit(lambda x: x * 3.125 + 17)(1.0)
        assert compiled  # the ear is open
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
    assert both.tally.programs == 1


def test_less_memory_means_fewer_places_and_the_same_results(
    tiny_task, single, expected
):
    (program,) = [bench.program for bench in single._benches.values()]
    assert program.capacity == 32
    small = Engine(
        tiny_task, steps=ROUND, devices=1, memory=int(program.member_bytes * 3.5)
    )
    ended = small.train([job(i) for i in range(9)])
    assert results(ended) == {i: expected[i] for i in range(9)}
    (program,) = [bench.program for bench in small._benches.values()]
    assert program.capacity == 3


def test_a_batch_of_members_agrees_with_one_at_a_time(tiny_task, expected, crowd):
    """Width is never part of a result, but for rounding."""
    wide = Engine(tiny_task, steps=ROUND, devices=1, width=4, places=8)
    ended = wide.train([job(i) for i in range(11)])  # the last block is not full
    assert wide.tally.programs == 1
    for end, alone in zip(ended, crowd, strict=False):
        assert (end.status, end.step, end.steps) == (
            alone.status,
            alone.step,
            alone.steps,
        )
        np.testing.assert_allclose(end.curve, alone.curve, rtol=2e-4)
        np.testing.assert_allclose(end.outputs, alone.outputs, rtol=1e-3, atol=1e-4)
    again = wide.train([job(i) for i in (5, 2, 9)])
    assert results(again) == {i: results(ended)[i] for i in (2, 5, 9)}


def test_batches_of_members_are_grouped_by_their_structure(tiny_task):
    """Wider than one, members that choose other branches are other programs."""
    space = Space(
        {
            "width": Constant(8),
            "depth": Int(1, 2),
            "activation": Choice(["relu", "tanh"]),
            "learning_rate": Float(1e-3, 1e-1, log=True),
        }
    )
    make = Assembler(
        space, loss="cross_entropy", batch_size=8, steps_per_epoch=3, epochs=5
    )
    shallow = {"depth": 1, "activation": "relu"}
    deep = {"depth": 2, "activation": "tanh"}
    recipes = [
        make({**(deep if i % 2 else shallow), "learning_rate": 0.01 * (1 + i)})
        for i in range(6)
    ]
    one, four = (
        Engine(tiny_task, steps=ROUND, devices=1, width=width, places=4)
        for width in (1, 4)
    )
    ours, theirs = (
        engine.train([job(i, recipe) for i, recipe in enumerate(recipes)])
        for engine in (four, one)
    )
    assert (one.tally.programs, four.tally.programs) == (1, 2)
    assert len(ours) == 6
    for end, alone in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(end.curve, alone.curve, rtol=2e-4)
        assert int(end.network.depth.value) == 1 + end.job.trial % 2
