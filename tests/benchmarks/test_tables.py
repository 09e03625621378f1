"""Tables: which row a configuration is, repeats, budgets, regret; files and errors."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg.benchmarks import Table
from thalweg.benchmarks.base import expected_minimum
from thalweg.benchmarks.files import find, read
from thalweg.core.errors import DataError, InvalidInput

SPACE = tw.Space({"rate": tw.Ordinal([0.1, 0.01, 0.001]), "depth": tw.Int(1, 2)})
INDEX = [[2, 1], [0, 0], [1, 0], [2, 0], [0, 1]]  # one configuration is missing
SHORT = [5.0, 4.0, 3.0, 2.0, 1.0]
FULL = [[1.0, 3.0], [7.0, np.nan], [4.0, 6.0], [9.0, 9.0], [0.5, 8.5]]


@pytest.fixture
def table() -> Table:
    seconds = {0.1: [1, 2, 3, 4, 5], 1.0: [10, 20, 30, 40, 50]}
    return Table("tiny", SPACE, INDEX, {1.0: FULL, 0.1: SHORT}, seconds=seconds)


def test_configurations_and_rows_of_the_cube_find_their_rows(table: Table):
    configs = [table.config(row) for row in range(len(table))]
    assert configs[0] == {"rate": 0.001, "depth": 2}
    np.testing.assert_array_equal(table.rows(configs), np.arange(5))
    np.testing.assert_array_equal(table.rows(SPACE.encode(configs)), np.arange(5))
    absent = {"rate": 0.01, "depth": 2}
    assert table.rows([absent]).tolist() == [-1]
    found = table.evaluate([absent])
    assert np.isnan(found.losses).all()
    assert np.isnan(found.seconds).all()


def test_losses_are_means_of_the_repeats_that_there_are(table: Table):
    every = [table.config(row) for row in range(5)]
    found = table.evaluate(every)
    np.testing.assert_allclose(found.losses[:, 0], [2, 7, 5, 9, 4.5])
    np.testing.assert_allclose(found.seconds, [10, 20, 30, 40, 50])
    assert found.constraints.shape == (5, 0)
    assert table.minimum == 2
    assert table(table.best) == 2
    assert table(table.best, budget=0.1) == 5


def test_a_seed_draws_each_repeat_about_equally_often(table: Table):
    config = table.config(4)
    drawn = [table.evaluate([config], seed=s).losses[0, 0].item() for s in range(400)]
    assert set(drawn) == {0.5, 8.5}
    assert abs(drawn.count(0.5) - 200) < 4 * 10  # four standard deviations
    missing = table.evaluate([table.config(1)] * 50, seed=0)
    assert (missing.losses == 7).all()  # its only training
    once, again = (table.evaluate([config] * 20, seed=[3, 1]).losses for _ in "ab")
    np.testing.assert_array_equal(once, again)


@pytest.mark.parametrize(
    ("budget", "loss"), [(0.01, 5), (0.1, 5), (0.9, 5), (1.0, 2), (1 - 1e-12, 2)]
)
def test_the_largest_recorded_budget_not_above_the_asked_one_counts(
    table: Table, budget: float, loss: float
):
    assert table.evaluate([table.config(0)], budget=budget).losses[0, 0] == loss


def test_budgets_may_differ_from_row_to_row(table: Table):
    found = table.evaluate([table.config(0)] * 2, budget=np.array([1.0, 0.5]))
    assert found.losses[:, 0].tolist() == [2, 5]
    assert found.seconds.tolist() == [10, 1]


def test_regret_is_0_at_the_optimum_and_1_at_the_best_of_25_draws(table: Table):
    rng = np.random.default_rng(0)
    means = np.array([2, 7, 5, 9, 4.5])
    draws = rng.choice(means, (20_000, 3)).min(1)
    expected = expected_minimum(means, 3)
    assert abs(draws.mean() - expected) < 4 * draws.std() / 20_000**0.5
    assert table.regret(table.minimum) == 0
    assert table.regret(table.minimum + table.unit) == 1
    assert table.unit == pytest.approx(expected_minimum(means, 25) - 2)


def test_a_study_searches_a_table_as_it_is(table: Table):
    study = tw.Study(SPACE, proposer="random", seed=0)
    study.optimize(table, n_trials=20)
    assert study.best_config == table.best
    assert len(study.trials) == 6  # the space is exhausted
    several = tw.Study(SPACE, proposer="random", seed=0)
    several.optimize(table, n_trials=20, batched=True, batch_size=4)
    assert several.best_config == table.best


def test_suggestions_bring_their_budgets(table: Table):
    study = tw.Study(SPACE, proposer="successive_halving", seed=0)
    study.optimize(table, n_trials=12, batched=True, batch_size=3)
    assert min(t.budget for t in study.trials) < 1
    for trial in study.trials:
        expected = table(trial.config, budget=trial.budget)
        np.testing.assert_equal(trial.loss, expected)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"index": [[0, 0], [0, 0]]}, "one row per configuration"),
        ({"index": [[0, 0], [3, 0]]}, "position outside"),
        ({"index": [[0, 0, 0]]}, "2 dimensions"),
        ({"losses": {0.5: SHORT}}, r"fraction 1\.0"),
        ({"losses": {1.0: SHORT[:3]}}, "3 losses of 5 rows"),
        ({"space": tw.Space({"a": tw.Float(0, 1), "b": tw.Int(1, 2)})}, "'a' is"),
    ],
)
def test_a_table_that_makes_no_sense_is_refused(change: dict[str, Any], part: str):
    whole: dict[str, Any] = {"name": "bad", "space": SPACE, "index": INDEX}
    with pytest.raises(InvalidInput, match=part):
        Table(**{**whole, "losses": {1.0: SHORT}, **change})


def test_one_configuration_where_a_list_is_needed(table: Table):
    with pytest.raises(InvalidInput, match=r"Use `\[config\]`"):
        table.evaluate(table.best)  # type: ignore[arg-type]


def test_an_absent_file_is_said_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("THALWEG_DATA", raising=False)
    with pytest.raises(InvalidInput, match=r"`path=`.*THALWEG_DATA"):
        find(None, "x/y.npz", what="This")
    monkeypatch.setenv("THALWEG_DATA", str(tmp_path))
    with pytest.raises(InvalidInput, match="neither a file"):
        find(None, "x/y.npz", what="This")
    (tmp_path / "x").mkdir()
    np.savez(tmp_path / "x" / "y.npz", a=np.ones(2))
    file = find(None, "x/y.npz", what="This")
    assert find(tmp_path / "x", "x/y.npz", what="This") == file
    assert find(file, "x/y.npz", what="This") == file
    assert read(file, ["a"])["a"].tolist() == [1, 1]
    with pytest.raises(DataError, match=r"must hold \['b'\]"):
        read(file, ["b"])


def test_a_pickle_is_never_opened(tmp_path: Path):
    np.savez(tmp_path / "bad.npz", a=np.array([{}], dtype=object))
    with pytest.raises(DataError, match="plain arrays"):
        read(tmp_path / "bad.npz", ["a"])
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(DataError, match="plain arrays"):
        read(tmp_path / "text.npz", ["a"])
