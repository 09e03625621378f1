"""Simulated searches: the clock, incumbents, budgets, noise, the end of a space."""

from pathlib import Path

import numpy as np
import pytest

import thalweg as tw
from thalweg.benchmarks import Curve, NASBench201, Table, simulate
from thalweg.core.errors import InvalidInput


def test_a_curve_is_what_the_proposer_was_told(nasbench201_file: Path):
    bench = NASBench201(path=nasbench201_file)
    curve = simulate(bench, "random", evaluations=60, batch=16, seed=3)
    assert len(curve) == 60
    np.testing.assert_array_equal(curve.losses, bench.evaluate(curve.x).losses)
    np.testing.assert_allclose(curve.loss, np.minimum.accumulate(curve.losses[:, 0]))
    seconds = bench.evaluate(curve.x).seconds
    np.testing.assert_allclose(curve.clock, np.cumsum(seconds))
    ends = [curve.regret[0], curve.regret[59], curve.regret[59]]
    assert curve.at([1, 60, 1000]).tolist() == ends
    again = simulate(bench, "random", evaluations=60, batch=16, seed=3)
    np.testing.assert_array_equal(curve.x, again.x)
    other = simulate(bench, "random", evaluations=60, batch=16, seed=4)
    assert not np.array_equal(curve.x, other.x)


def test_what_ends_after_the_limit_does_not_count(nasbench201_file: Path):
    bench = NASBench201(path=nasbench201_file)
    for batch in (1, 7):
        curve = simulate(bench, "random", seconds=20_000, batch=batch)
        assert 20_000 - 2_000 < curve.clock[-1] <= 20_000
    with pytest.raises(InvalidInput, match="time for one training"):
        simulate(bench, "random", seconds=10)


def test_a_benchmark_without_seconds_says_so():
    space = tw.Space({"a": tw.Int(1, 3)})
    table = Table("untimed", space, [[0], [1], [2]], {1.0: [1, 2, 3]})
    with pytest.raises(InvalidInput, match="no record of training times"):
        simulate(table, "random", seconds=10)
    curve = simulate(table, "random", evaluations=50)
    assert len(curve) == 3  # all of the space
    assert curve.regret[-1] == 0


def test_short_trainings_are_told_and_resumed(nasbench201_file: Path):
    bench = NASBench201(path=nasbench201_file)
    proposer = tw.proposers.SuccessiveHalving(brackets=1)
    curve = simulate(bench, proposer, evaluations=100, batch=9)
    short = curve.budget < 1
    expected = bench.evaluate(curve.x[short], budget=curve.budget[short])
    np.testing.assert_array_equal(curve.losses[short], expected.losses)
    first = int(np.argmax(~short))
    assert first > 0
    assert short[curve.incumbent[first - 1]]
    assert not short[curve.incumbent[-1]]


def test_noise_is_told_but_the_curve_is_judged_without(nasbench201_file: Path):
    bench = NASBench201(path=nasbench201_file)
    curve = simulate(bench, "random", evaluations=40, noise=True)
    true = bench.evaluate(curve.x).losses[:, 0]
    told = curve.losses[:, 0]
    assert (told != true).mean() > 0.9
    assert np.abs(told - true).max() < 0.6  # the repeats differ by about 0.1
    best = [int(np.argmin(told[: i + 1])) for i in range(40)]
    np.testing.assert_array_equal(curve.incumbent, best)
    np.testing.assert_array_equal(curve.loss, true[best])


def test_the_incumbent_is_feasible_finite_and_of_the_largest_budget():
    space = tw.Space({"a": tw.Int(1, 6)})
    table = Table("t", space, np.arange(6)[:, None], {1.0: np.arange(6.0)})
    curve = Curve(
        table,
        x=table.cube(np.arange(6)),
        budget=np.array([0.5, 0.5, 1, 1, 1, 1]),
        losses=np.array([[np.nan], [1], [np.nan], [5], [0], [4]]),
        constraints=np.array([[0.0], [0], [0], [-1], [1], [0]]),
        clock=np.arange(6.0),
    )
    assert curve.incumbent.tolist() == [0, 1, 1, 3, 3, 5]
