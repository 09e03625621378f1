"""Rules about losses: each disease has its curve, and a healthy curve no finding."""

from dataclasses import replace

import numpy as np
import pytest

import thalweg as tw
from thalweg.core.errors import InvalidInput
from thalweg.diagnosis import Diagnosis, Finding, Record

CONSTANT = 1.0
SETTINGS = {"learning_rate": 0.5, "batch_size": 32, "rows": 1437, "optimizer": "SGD"}


def falling(n, *, start=1.2, end=0.2, pace=6.0):
    """From `start` towards `end`, `pace` times as fast as to be half-way at the end."""
    return end + (start - end) * np.exp(-pace * np.arange(n) / n)


def record(train_loss, loss=None, **changes):
    train_loss = np.asarray(train_loss, float)
    known = {
        "step": 10.0 * np.arange(1, len(train_loss) + 1),
        "train_loss": train_loss,
        "loss": train_loss if loss is None else np.asarray(loss, float),
        "held_out": loss is not None,
        "constant_loss": CONSTANT,
        "settings": SETTINGS,
    }
    return Record(**known | changes)


def noise(n, size, seed):
    return np.exp(size * np.random.default_rng(seed).normal(size=n))


@pytest.mark.parametrize("n", [6, 10, 20, 40, 200, 1000])
@pytest.mark.parametrize("end", [0.005, 0.1, 0.5, 0.8])
@pytest.mark.parametrize("apart", [1.0, 1.15])
def test_healthy_curves_have_no_finding(n, end, apart):
    """Twenty each, with some noise in training and in validation."""
    for seed in range(20):
        train = falling(n, end=end, pace=12) * noise(n, 0.04, seed)
        loss = apart * falling(n, end=end, pace=12) * noise(n, 0.03, seed + 99)
        assert not tw.diagnose(record(train, loss)), seed
        assert not tw.diagnose(record(train)), seed


def test_batches_of_one_row_are_noisy_and_healthy():
    for seed in range(20):
        train = falling(400, pace=12) * noise(400, 0.8, seed)
        assert not tw.diagnose(record(train)), seed


def test_a_loss_that_is_not_finite_has_diverged():
    values = falling(12)
    for bad in (np.nan, np.inf):
        broken = np.where(np.arange(12) > 7, bad, values)
        found = tw.diagnose(record(broken, broken))
        assert found.names == ["divergence"]
        assert "step 90" in found[0].evidence
        assert "from 0.5 to about 0.05" in found[0].remedy
    assert tw.diagnose(record(values, values, status="diverged")).names == [
        "divergence"
    ]


@pytest.mark.parametrize("n", [2, 3, 30])
def test_a_loss_far_above_its_start_has_diverged(n):
    rising = np.geomspace(1.0, 50.0, n)
    assert tw.diagnose(record(rising)).names == ["divergence"]
    assert not tw.diagnose(record(np.ones(n) * 0.5))


def test_progress_that_is_lost_again_is_divergence():
    back = np.concatenate([falling(20, end=0.1), np.full(10, 0.6)])
    found = tw.diagnose(record(back, back))
    assert found.names == ["divergence"]
    kept = np.concatenate([falling(20, end=0.1), np.full(10, 0.3)])
    assert "divergence" not in tw.diagnose(record(kept, kept)).names
    little = np.concatenate([falling(20, end=0.7), np.full(10, 1.0)])
    assert "divergence" not in tw.diagnose(record(little, little)).names


def test_a_loss_that_stands_still_is_a_plateau():
    still = np.linspace(1.1, 1.099, 20)
    found = tw.diagnose(record(still, still))
    assert found.names == ["plateau"]
    assert "`tw.range_test` suggest a `learning_rate` (now 0.5)" in found[0].remedy
    small = record(still, still, settings={**SETTINGS, "learning_rate": 1e-8})
    assert "from 1e-08 to about 1e-2" in tw.diagnose(small)[0].remedy
    adam = {**SETTINGS, "learning_rate": 1e-8, "optimizer": "Adam"}
    small = record(still, still, settings=adam)
    assert "from 1e-08 to about 1e-3" in tw.diagnose(small)[0].remedy
    # who begins near the goal may stand still
    assert not tw.diagnose(record(0.3 * still, 0.3 * still))
    # and nothing is said where nobody knows what a constant is worth
    unknown = record(still, still, constant_loss=float("nan"))
    assert not tw.diagnose(unknown)


def test_no_better_than_a_constant_is_under_fitting():
    down = falling(20, start=3.0, end=0.99)
    assert tw.diagnose(record(down, down)).names == ["under-fitting"]
    # dropout makes a training loss high; the validation loss then tells
    assert not tw.diagnose(record(down, falling(20, end=0.7)))


def test_signals_that_are_too_large_at_the_start():
    down = falling(20, start=100.0, end=0.1)
    found = tw.diagnose(record(down, down))
    assert found.names == ["bad scale"]
    assert "began at 100, 100 times" in found[0].evidence
    assert not tw.diagnose(record(falling(20, start=5.0), falling(20, start=5.0)))


@pytest.mark.parametrize("n", [12, 40, 300])
def test_a_loss_that_jumps_oscillates(n):
    for seed in range(10):
        sides = np.where(np.arange(n) % 2, 0.4, 0.65)
        jumping = sides * noise(n, 0.1, seed)
        train = np.full(n, 0.45)
        found = tw.diagnose(record(train, jumping))
        assert "oscillation" in found.names, seed
    assert "from 0.5 to about 0.15" in str(found)


def test_noise_of_batches_is_no_oscillation():
    """Without validation rows, only whole epochs tell."""
    jumping = falling(40, end=0.5) * noise(40, 0.4, 1)
    every_step = record(jumping)
    assert "oscillation" not in tw.diagnose(every_step).names
    whole = replace(every_step, step=50.0 * np.arange(1, 41))
    assert "oscillation" in tw.diagnose(whole).names


@pytest.mark.parametrize("n", [10, 30, 300])
def test_validation_that_rises_while_training_falls_is_over_fitting(n):
    when = np.arange(n) / n
    for seed in range(10):
        train = falling(n, end=0.01) * noise(n, 0.05, seed)
        loss = (0.5 + 2 * (when - 0.3) ** 2) * noise(n, 0.02, seed + 50)
        assert tw.diagnose(record(train, loss)).names == ["over-fitting"], seed


def test_validation_far_above_training_is_over_fitting():
    train, loss = falling(30, end=0.02), falling(30, end=0.6)
    assert tw.diagnose(record(train, loss)).names == ["over-fitting"]


def test_validation_that_wanders_at_a_small_loss_is_none():
    train = falling(30, end=0.001)
    loss = np.concatenate([falling(20, end=0.05), np.full(10, 0.06)])
    assert not tw.diagnose(record(train, loss))
    loss = np.concatenate([falling(20, end=0.05), np.full(10, 0.09)])
    assert tw.diagnose(record(train, loss)).names == ["over-fitting"]


@pytest.mark.parametrize("n", [6, 20, 200])
@pytest.mark.parametrize(
    ("status", "limit"), [("complete", "`epochs`"), ("cut", "`time_limit`")]
)
def test_a_loss_that_still_falls_wants_more_time(n, status, limit):
    steady = np.linspace(1.2, 0.6, n)
    found = tw.diagnose(record(steady, steady, status=status))
    assert found.names == ["ended early"]
    assert limit in found[0].remedy
    assert not tw.diagnose(record(steady, steady, status="stopped"))


def test_a_slow_and_steady_fall_wants_more_time():
    """A few percent of the loss in the last quarter, and a quarter of the way."""
    slow = np.linspace(1.03, 0.9, 20)
    assert tw.diagnose(record(slow, slow)).names == ["ended early"]


@pytest.mark.parametrize("n", [6, 10, 40])
def test_noise_of_a_fifth_is_seldom_taken_for_progress(n):
    """Once in twenty at most, where the validation loss ended flat but for noise."""
    train, wrong = falling(n, pace=40), 0
    for seed in range(200):
        loss = train * noise(n, 0.2, seed)
        wrong += "ended early" in tw.diagnose(record(train, loss)).names
    assert wrong <= 10


def test_a_large_validation_loss_may_rise_a_little():
    train = np.linspace(1.2, 0.9, 20)
    loss = np.concatenate([falling(10, start=2.0, end=1.6, pace=20), np.full(10, 1.73)])
    assert "over-fitting" not in tw.diagnose(record(train, loss)).names
    loss[10:] = 1.83
    assert "over-fitting" in tw.diagnose(record(train, loss)).names


def test_few_judgements_are_said_to_be_few():
    found = tw.diagnose(record([1.0, 1.0], [1.0, 1.0]))
    assert not found
    assert "only 2 judgements" in found.notes[0]


def test_a_diagnosis_is_printed_and_tabulated():
    still = np.linspace(1.1, 1.099, 20)
    found = tw.diagnose(record(still, still, layers_by="train(record_layers=True)"))
    assert found
    assert len(found) == 1
    text = str(found)
    assert text.startswith("1. plateau\n   From the first judgement")
    assert "   Remedy: Let `tw.range_test`" in text
    assert "they need `train(record_layers=True)`." in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 88
    frame = found.to_dataframe()
    assert list(frame.name) == ["plateau"]
    assert frame.evidence[0] == found[0].evidence
    assert str(Diagnosis()) == "Nothing wrong was found."
    assert not Diagnosis()
    assert len(Diagnosis().to_dataframe()) == 0


def test_the_most_severe_come_first():
    low, high = Finding("a", "", "", severity=1), Finding("b", "", "", severity=3)
    assert [f.name for f in Diagnosis.of([low, high, low])] == ["b", "a", "a"]


def test_what_can_not_be_diagnosed_is_one_clear_sentence():
    with pytest.raises(InvalidInput, match=r"reads the history .* but got dict\. Give"):
        tw.diagnose({})
