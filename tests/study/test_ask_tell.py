"""The thin shell: asking, telling, optimizing, and going on from a journal."""

import json
import math
import time

import numpy as np
import pytest

import thalweg as tw
from thalweg.core.errors import InvalidInput, SearchError, StoreError, UnknownName
from thalweg.proposers import Hyperband, Random, starting_from
from thalweg.study import Suggestion
from thalweg.testing.problems import RECIPE
from thalweg.testing.proposers import SMALL

LINE = tw.Space({"x": tw.Float(0, 1)})


class Memory:
    """A journal that keeps JSON, as a file would."""

    def __init__(self):
        self.lines = []

    def append(self, record, after):
        assert after == len(self.lines)
        self.lines.append(json.dumps(record, allow_nan=False))

    def records(self, after=0):
        return [json.loads(line) for line in self.lines[after:]]


def square(config):
    return (config["x"] - 0.3) ** 2


def test_ask_and_tell_in_any_order_and_in_parts():
    study = tw.Study(RECIPE.space, proposer="random", seed=3)
    configs = study.ask(6)
    assert [c.trial for c in configs] == [0, 1, 2, 3, 4, 5]
    study.tell(configs[4:][::-1], [RECIPE.loss(c) for c in configs[4:][::-1]])
    assert [c.trial for c in study.pending] == [0, 1, 2, 3]
    study.tell(configs[0], RECIPE.loss(configs[0]), seconds=2.5)
    assert [t.number for t in study.trials] == [5, 4, 0]
    assert study.trials[2].seconds == 2.5
    assert [t.loss for t in study.trials] == [
        RECIPE.loss(configs[i]) for i in (5, 4, 0)
    ]
    best = min(study.trials, key=lambda t: t.loss)
    assert (study.best_config, study.best_loss) == (best.config, best.loss)


def test_every_ask_gives_others():
    study = tw.Study(LINE, proposer="random")
    values = [config["x"] for _ in range(5) for config in study.ask(2)]
    assert len(set(values)) == 10


def test_plain_dictionaries_are_recognised_by_their_values():
    study = tw.Study(RECIPE.space, proposer="random")
    configs = [dict(c) for c in study.ask(4)]
    study.tell([configs[2]], [0.5])
    assert study.trials[0].number == 2
    assert [c.trial for c in study.pending] == [0, 1, 3]


def test_configurations_never_asked_for_are_trials_too():
    study = tw.Study(RECIPE.space, proposer="gp")
    asked = study.ask(2)
    study.tell([RECIPE.best, asked[0]], [RECIPE.minimum, 3.0])
    assert [t.number for t in study.trials] == [2, 0]
    assert study.best_config == RECIPE.best
    assert study.ask(1)[0].trial == 3
    changed = Suggestion(RECIPE.best, asked[1].trial)
    study.tell(changed, 1.0)  # the values win over a number that does not fit them
    assert asked[1] in study.pending


def test_optimize_finds_the_minimum_and_is_repeatable():
    runs = [tw.Study(LINE, seed=1).optimize(square, n_trials=15) for _ in "ab"]
    assert runs[0].best_loss < 1e-4
    assert [t.config for t in runs[0].trials] == [t.config for t in runs[1].trials]
    other = tw.Study(LINE, seed=2).optimize(square, n_trials=5)
    assert other.trials[0].config != runs[0].trials[0].config
    assert all(t.seconds >= 0 and t.status == "complete" for t in runs[0].trials)


def test_batches_and_counts():
    study = tw.Study(LINE, proposer="random")
    study.optimize(square, n_trials=7, batch_size=3)
    assert len(study.trials) == 7
    assert not study.pending
    study.ask(4)
    study.optimize(square, n_trials=2)  # of the pending ones
    assert [t.number for t in study.trials[7:]] == [7, 8]
    assert len(study.pending) == 2


def test_a_finite_space_ends_the_search():
    study = tw.Study(SMALL, proposer="random")
    study.optimize(lambda config: config["c"], n_trials=100)
    assert len(study.trials) == SMALL.size
    assert study.ask(3) == []


def test_the_time_limit_is_kept():
    study = tw.Study(LINE, proposer="random")
    begin = time.monotonic()
    study.optimize(
        lambda c: time.sleep(0.02) or square(c), n_trials=10**6, time_limit=0.3
    )
    assert time.monotonic() - begin < 1.5
    assert 1 <= len(study.trials) <= 16
    before = len(study.trials)
    study.optimize(square, n_trials=5, time_limit=0)
    assert len(study.trials) == before


def test_an_exception_loses_nothing():
    def f(config):
        if len(study.trials) == 2:
            raise ZeroDivisionError("by zero")
        return square(config)

    study = tw.Study(LINE, proposer="random")
    with pytest.raises(ZeroDivisionError):
        study.optimize(f, n_trials=6, batch_size=4)
    assert [t.number for t in study.trials] == [0, 1]
    assert [c.trial for c in study.pending] == [2, 3]
    study.optimize(square, n_trials=2)
    assert [t.number for t in study.trials] == [0, 1, 2, 3]


def test_a_caught_exception_is_a_failed_trial():
    def f(config):
        if config["x"] > 0.5:
            raise MemoryError("too wide")
        return square(config)

    study = tw.Study(LINE, proposer="gp", seed=0)
    study.optimize(f, n_trials=12, batch_size=4, catch=(MemoryError, ValueError))
    failed = [t for t in study.trials if t.status == "failed"]
    assert 0 < len(failed) < 12
    assert all(math.isnan(t.loss) and "too wide" in t.error for t in failed)
    assert all(t.config["x"] > 0.5 for t in failed)
    with pytest.raises(KeyError):
        study.optimize(lambda c: {}["loss"], n_trials=1, catch=MemoryError)


def test_diverged_trials_are_marked_and_never_best():
    study = tw.Study(LINE, proposer="random")
    configs = study.ask(3)
    study.tell(configs, [math.nan, -math.inf, 5.0])
    assert [t.status for t in study.trials] == ["diverged", "diverged", "complete"]
    assert study.best_loss == 5.0


def test_partial_trainings_reach_the_objective():
    budgets = {}

    def f(config, budget):
        budgets.setdefault(round(budget, 6), []).append(config["x"])
        return square(config) + budget

    study = tw.Study(LINE, proposer=Hyperband(min_budget=1 / 9, brackets=1))
    study.optimize(f, n_trials=100)
    assert {b: len(x) for b, x in budgets.items()} == {0.111111: 9, 0.333333: 3, 1.0: 1}
    assert study.best_trial.budget == 1
    assert study.best_trial.number == study.best_trial.parent
    assert len({t.number for t in study.trials}) == 9
    assert study.best_config["x"] == budgets[1.0][0]


def test_warm_starts():
    proposer = starting_from(Random(), [{"x": 0.25}])
    assert tw.Study(LINE, proposer=proposer).ask(2)[0] == {"x": 0.25}


@pytest.mark.parametrize("name", ["gp", "sobol", "hyperband"])
def test_a_journal_continues_the_study_exactly(name):
    def f(config, budget=1.0):
        return RECIPE.loss(config) / budget

    def work(study, counts):
        for count in counts:
            configs = study.ask(count)
            told = configs[: max(1, count - 1)]
            study.tell(told, [f(c, c.budget) for c in told], seconds=[1.0] * len(told))

    straight = tw.Study(RECIPE.space, proposer=name, seed=4)
    work(straight, (5, 3, 4, 2, 3))
    journal = Memory()
    for counts in ((5, 3), (4,), (2, 3)):
        study = tw.Study(RECIPE.space, proposer=name, seed=4, storage=journal)
        work(study, counts)
    assert study.trials == straight.trials
    assert study.pending == straight.pending
    assert [c.trial for c in study.pending] == [c.trial for c in straight.pending]
    again = tw.Study(RECIPE.space, proposer=name, seed=4, storage=journal)
    assert again.ask(3) == straight.ask(3)


@pytest.mark.parametrize("name", ["gp", "hyperband"])
def test_a_database_continues_the_study_exactly(name, tmp_path):
    def f(config, budget=1.0):
        return RECIPE.loss(config) / budget

    def work(study):
        configs = study.ask(4)
        study.tell(
            configs[:3], [f(c, c.budget) for c in configs[:3]], seconds=[1.0] * 3
        )

    url = f"sqlite:///{tmp_path / 'study.db'}"
    straight = tw.Study(RECIPE.space, proposer=name, seed=4)
    for _ in range(3):
        work(straight)
        work(tw.Study(RECIPE.space, proposer=name, seed=4, storage=url))
    again = tw.Study(RECIPE.space, proposer=name, seed=4, storage=url)
    assert again.trials == straight.trials
    assert again.pending == straight.pending
    assert again.ask(3) == straight.ask(3)


def test_a_database_holds_several_studies_by_name(tmp_path):
    url = f"sqlite:///{tmp_path / 'study.db'}"
    for name, seed in (("a", 0), ("b", 1)):
        tw.Study(LINE, proposer="random", seed=seed, storage=url, name=name).ask(
            1 + seed
        )
    assert len(tw.Study(LINE, proposer="random", storage=url, name="a").pending) == 1
    with pytest.raises(StoreError, match="another seed"):
        tw.Study(LINE, proposer="random", storage=url, name="b")


def test_a_journal_of_failures_and_nan_is_plain_json():
    journal = Memory()
    study = tw.Study(LINE, proposer="random", storage=journal)
    study.optimize(lambda c: {}["x"], n_trials=2, catch=KeyError)
    study.tell([{"x": 0.5}], [math.inf])
    again = tw.Study(LINE, proposer="random", storage=journal)
    assert [t.status for t in again.trials] == ["failed", "failed", "diverged"]
    assert again.trials[0].error == study.trials[0].error


def test_another_study_s_journal_is_refused():
    journal = Memory()
    tw.Study(LINE, proposer="random", seed=0, storage=journal)
    for change in ({"seed": 1}, {"proposer": "sobol"}):
        with pytest.raises(StoreError, match=f"another {next(iter(change))}"):
            tw.Study(LINE, **{"proposer": "random", "storage": journal, **change})
    with pytest.raises(StoreError, match="another space"):
        tw.Study(SMALL, proposer="random", storage=journal)
    assert len(journal.lines) == 1


def test_the_table_has_a_row_per_evaluation():
    study = tw.Study(RECIPE.space, proposer="random").optimize(RECIPE.loss, n_trials=9)
    frame = study.to_dataframe()
    assert len(frame) == 9
    assert list(frame.columns[:3]) == ["number", "loss", "budget"]
    assert frame["loss"].min() == study.best_loss
    absent = frame["config_momentum"].isna()
    np.testing.assert_array_equal(absent, frame["config_optimizer"] != "sgd")
    assert list(tw.Study(LINE).to_dataframe().columns)[-1] == "config_x"


@pytest.mark.parametrize(
    ("act", "error", "words"),
    [
        (lambda s: s.tell(s.ask(2), [1.0]), InvalidInput, "one loss for each"),
        (lambda s: s.tell([{"y": 1}], [1.0]), UnknownName, "'y'"),
        (lambda s: s.tell([{"x": 2.0}], [1.0]), InvalidInput, "'x'.*holds no 2"),
        (lambda s: s.tell(s.ask(1), ["bad"]), InvalidInput, "loss must be a number"),
        (lambda s: s.tell(s.ask(1), [[1, 2]]), InvalidInput, "loss must be a number"),
        (lambda s: s.ask(0), InvalidInput, "positive number"),
        (lambda s: s.best_config, SearchError, "finite loss"),
        (lambda s: tw.Study({"x": 1}), InvalidInput, "must be a Space"),
        (lambda s: tw.Study(LINE, proposer="bayes"), UnknownName, "Known: auto"),
        (lambda s: tw.Study(LINE, storage=3), InvalidInput, "storage"),
        (lambda s: tw.Study(LINE, proposer=Random), InvalidInput, "a name or a propos"),
        (
            lambda s: tw.Study(LINE, proposer="hyperband").optimize(square),
            InvalidInput,
            "keyword argument `budget`",
        ),
    ],
)
def test_errors_say_the_rule_and_record_nothing(act, error, words):
    study = tw.Study(LINE, proposer="random")
    with pytest.raises(error, match=words):
        act(study)
    assert study.trials == []
