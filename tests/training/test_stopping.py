"""When a member ends, what it keeps, and how it goes on."""

import jax
import numpy as np
import pytest
from tiny_members import (
    BATCH,
    FEATURES,
    ROUND,
    SIZES,
    STEPS,
    bits,
    candidate,
    dataset,
    job,
    lent,
    result,
    splits,
)

from thalweg.core.rng import key_of
from thalweg.losses import CrossEntropy
from thalweg.networks import Inputs
from thalweg.training.member import outputs_of

RESTLESS = {"rate": 0.3, "steps": 200, "horizon": 10_000}  # never settles


@pytest.fixture(scope="module")
def long(shared_both):
    """Members that train for long at a high rate."""
    jobs = [job(i, candidate(**RESTLESS), keep=True) for i in range(4)]
    return lent(shared_both).train(jobs)


def test_rounds_are_judged_and_the_last_may_be_short(both):
    (end,) = both.train([job(0, candidate(steps=37))])
    assert end.curve[:, 0].tolist() == [5, 10, 15, 20, 25, 30, 35, 37]
    assert (end.status, end.steps) == ("complete", 37)


def test_more_rounds_than_one_visit_has_room_for(long):
    for end in long:
        assert end.curve[:, 0].tolist() == list(range(ROUND, 201, ROUND))


def test_the_best_round_is_what_is_kept(long):
    """Its loss, its step, its weights, its outputs: recomputed from the network."""
    task = dataset()
    for end in long:
        best = int(np.argmin(end.curve[:, 2]))
        assert best < len(end.curve) - 1, "a test of nothing"
        assert end.loss == np.float32(end.curve[best, 2])
        assert end.step == end.curve[best, 0]
        split = end.job.split
        _, rows = splits()[split]
        x, y = task.x[split, rows], task.y[split, rows]
        outputs = end.network(x, inference=True)
        np.testing.assert_allclose(outputs, end.outputs, rtol=1e-5, atol=1e-5)
        loss = np.mean(CrossEntropy()(end.outputs, y))
        assert loss == pytest.approx(end.loss, rel=1e-5)
        assert not np.allclose(end.state.network.head.kernel, end.network.head.kernel)


def test_patience_counts_rounds_without_improvement(both, long):
    for patience in (1, 3):
        jobs = [job(i, candidate(**RESTLESS, patience=patience)) for i in range(4)]
        for end, free in zip(both.train(jobs), long, strict=True):
            losses = free.curve[:, 2]
            waited, best, stop = 0, np.inf, 0
            for stop, loss in enumerate(losses):  # noqa: B007
                waited, best = (0, loss) if loss < best else (waited + 1, best)
                if waited >= patience:
                    break
            assert stop < len(losses) - 1, "a test of nothing"
            assert end.status == "stopped"
            assert bits(end.curve) == bits(free.curve[: stop + 1])
            assert end.loss == np.float32(best)
            assert end.steps == end.curve[-1, 0]


def test_a_threshold_ends_a_member_at_once(both, long):
    for free in long:
        losses = free.curve[:, 2]
        threshold = float(np.float32(np.sort(losses)[len(losses) // 2]))
        recipe = candidate(**RESTLESS, threshold=threshold)
        (end,) = both.train([job(free.job.trial, recipe)])
        stop = int(np.argmax(losses <= threshold))
        assert end.status == "stopped"
        assert bits(end.curve) == bits(free.curve[: stop + 1])
        assert end.loss <= threshold


def test_dropout_acts_in_training_and_not_in_judgement(both):
    still = {"rate": 0.0, "decay": 0.0, "steps": STEPS}
    dry, wet = both.train(
        [job(0, candidate(**still)), job(0, candidate(**still, dropout=0.5))]
    )
    assert np.ptp(dry.curve[:, 2]) == 0
    assert bits(dry.curve[:, 2]) == bits(wet.curve[:, 2])
    assert bits(dry.outputs) == bits(wet.outputs)
    differ = np.abs(dry.curve[:, 1] - wet.curve[:, 1])
    assert (differ > 1e-3).all()
    assert len(set(differ.tolist())) == len(differ)  # other units at every step


def test_weights_at_the_start_are_those_of_the_description(both):
    still = candidate(0.0, decay=0.0, steps=1)
    (end,) = both.train([job(2, still)])
    built = still.network.build(both.task.inputs, 3, key=key_of(end.job.seed))
    trained = jax.tree.leaves(end.network)
    for leaf, other in zip(jax.tree.leaves(built), trained, strict=True):
        np.testing.assert_allclose(leaf, other, rtol=1e-6, atol=1e-7)


def resumed(engine, end, recipe, **rest):
    number = end.job.trial
    (later,) = engine.train([job(number, recipe, resume=end.state, **rest)])
    return later


@pytest.mark.parametrize("legs", [(20, 40), (5, 10, 25, 40)])
def test_going_on_from_a_state_is_as_if_uninterrupted(both, legs):
    """The path of halving: rungs of a few rounds, in the company of others."""
    common = {"dropout": 0.2, "horizon": STEPS}
    whole = both.train([job(i, candidate(**common), keep=True) for i in range(3)])
    ended = both.train(
        [job(i, candidate(**common, steps=legs[0]), keep=True) for i in range(9)]
    )[:3]
    curves = [[end.curve] for end in ended]
    for steps in legs[1:]:
        ended = both.train(
            [
                job(
                    end.job.trial,
                    candidate(**common, steps=steps),
                    resume=end.state,
                    keep=True,
                )
                for end in ended
            ]
        )
        for curve, end in zip(curves, ended, strict=True):
            curve.append(end.curve)
    for end, curve, expected in zip(ended, curves, whole, strict=True):
        found = result(end) | {"curve": bits(np.concatenate(curve))}
        assert found == result(expected)


@pytest.mark.parametrize(
    "limit", [{"patience": 1}, {"threshold": 10.0}], ids=["patience", "threshold"]
)
def test_whoever_was_stopped_stays_so(both, limit):
    recipe = candidate(**RESTLESS, **limit)
    (end,) = both.train([job(0, recipe, keep=True)])
    assert end.status == "stopped"
    later = resumed(both, end, candidate(**RESTLESS | {"steps": 400}, **limit))
    assert result(later) == result(end) | {
        "curve": bits(end.curve[:0]),
        "state": bits(None),
    }


def test_a_state_that_has_taken_its_steps_is_complete(both):
    """Two rungs may be of equal length where a training is short."""
    (end,) = both.train([job(0, candidate(steps=20), keep=True)])
    for steps in (10, 20):
        later = resumed(both, end, candidate(steps=steps), keep=True)
        assert result(later) == result(end) | {"curve": bits(end.curve[:0])}


def test_the_diverged_stay_diverged(both):
    (end,) = both.train([job(0, candidate(1e30), keep=True)])
    later = resumed(both, end, candidate(1e-3))
    assert later.status == "diverged"
    assert later.network is None


def test_many_go_on_at_once(both):
    """More than are placed in one go, on both devices."""
    short = both.train([job(i, candidate(steps=10), keep=True) for i in range(21)])
    ended = both.train(
        [job(end.job.trial, candidate(steps=40), resume=end.state) for end in short]
    )
    whole = both.train([job(i, candidate(steps=40)) for i in range(21)])
    for end, expected in zip(ended, whole, strict=True):
        assert bits(end.network) == bits(expected.network)
        assert end.loss == expected.loss


def test_a_network_of_many_rows_is_judged_in_parts():
    network = candidate().network.build(Inputs(FEATURES), 3, key=key_of(np.uint32(0)))
    x = np.random.default_rng(0).normal(size=(2500, FEATURES)).astype(np.float32)
    parts = outputs_of(network, CrossEntropy(), x)
    assert parts.shape == (2500, 3)
    np.testing.assert_allclose(parts, network(x), rtol=1e-5, atol=1e-6)


def test_sizes_make_the_tests_above_meaningful():
    assert all(train % BATCH for train, _ in SIZES[:3])
    assert 3 * max(train for train, _ in SIZES) < STEPS * BATCH
