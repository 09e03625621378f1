"""Rules about searches: what diverged trials share, and a best that came late."""

import numpy as np

import thalweg as tw
from thalweg.diagnosis import Record, Trials

N = 60


def trials(rng, *, diverged=None, loss=None, leader=None):
    rates = 10 ** rng.uniform(-4, 0, N)
    kinds = rng.choice(["adam", "sgd"], N)
    config = [
        {"learning_rate": r, "optimizer": str(k), "depth": int(d)}
        for r, k, d in zip(rates, kinds, rng.integers(1, 4, N), strict=True)
    ]
    bad = np.zeros(N, bool) if diverged is None else diverged(rates, kinds)
    if loss is None:
        loss = np.concatenate([[0.1], rng.uniform(0.2, 1.0, N - 1)])
    return Trials(
        status=["diverged" if b else "complete" for b in bad],
        loss=np.where(bad, np.nan, loss),
        error=np.full(N, 0.02),
        config=config,
        leader=leader,
    )


def test_a_search_without_trouble_has_no_finding():
    for seed in range(20):
        assert not tw.diagnose(trials(np.random.default_rng(seed)))


def test_a_few_that_diverged_are_the_edge_that_a_search_has_to_find():
    rng = np.random.default_rng(0)
    found = tw.diagnose(trials(rng, diverged=lambda rates, _: rates > 0.7))
    assert "many diverged" not in found.names


def test_what_diverged_trials_share_is_named():
    rng = np.random.default_rng(0)
    found = tw.diagnose(trials(rng, diverged=lambda rates, _: rates > 0.1))
    assert found.names == ["many diverged"]
    assert "learning_rate of 0.1" in found[0].evidence
    assert found[0].remedy.startswith("Narrow the space: leave out learning_rate of")
    rng = np.random.default_rng(0)
    found = tw.diagnose(trials(rng, diverged=lambda _, kinds: kinds == "sgd"))
    assert "optimizer sgd" in found[0].evidence


def test_what_they_share_by_luck_is_not():
    """Of 100 searches whose failures hang on nothing, at most a few name a setting."""
    named = 0
    for seed in range(100):
        bad = np.random.default_rng(seed + 999).random(N) < 0.3
        rng = np.random.default_rng(seed)
        found = tw.diagnose(trials(rng, diverged=lambda *_, bad=bad: bad))
        assert found.names[0] == "many diverged"
        named += " with " in found[0].evidence
    assert named <= 2


def test_a_best_that_came_late_wants_more_trials():
    rng = np.random.default_rng(0)
    late = np.linspace(1.0, 0.3, N)
    found = tw.diagnose(trials(rng, loss=late))
    assert found.names == ["search ended early"]
    assert "trial" in found[0].evidence
    assert "`time_limit`" in found[0].remedy
    close = np.concatenate([np.full(N - 1, 0.3), [0.29]])  # half a standard error
    assert not tw.diagnose(trials(rng, loss=close))


def test_the_leader_is_diagnosed_as_a_search_says_it():
    n = 20
    train = np.geomspace(1.0, 0.01, n)
    loss = 0.5 + (np.arange(n) / n - 0.3) ** 2
    leader = Record(10.0 * np.arange(1, n + 1), train, loss, constant_loss=1.0)
    found = tw.diagnose(trials(np.random.default_rng(0), leader=leader))
    assert found.names == ["over-fitting"]
    assert found[0].evidence.startswith("In the leading trial: the validation loss")
    assert "Let the space reach more `dropout`" in found[0].remedy


def test_no_trials_and_none_with_a_score():
    nothing = Trials([], np.zeros(0), np.zeros(0), [])
    assert not tw.diagnose(nothing)
    all_bad = trials(np.random.default_rng(0), diverged=lambda r, _: r > 0)
    assert tw.diagnose(all_bad).names == ["many diverged"]
