"""The best few trained again: the lowest loss seen is the luckiest."""

import time
from dataclasses import replace

import numpy as np
import pytest
from tiny_search import EPOCHS, PROPOSERS, SPACE, problem, search

import thalweg as tw
from thalweg.core.errors import InvalidInput
from thalweg.proposers import Random
from thalweg.study import Result, Search
from thalweg.study.incumbent import Best, by_mean, grouped


@pytest.fixture(scope="module")
def decided(engine):
    found = search(Random(), engine, keep=1)
    found.run(trials=8, finalists=4)
    return found


def test_half_of_them_are_trained_once_more(decided):
    """Four once and two of them twice, beside the eight of the search."""
    first = sorted((decided.trials[i] for i in range(8)), key=lambda t: t.loss)
    groups = grouped(decided.trials[i] for i in sorted(decided.trials)).values()
    times = {group[0].number: len(group) for group in groups}
    assert [times[t.number] for t in first[4:]] == [1] * 4
    assert sorted(times[t.number] for t in first[:4]) == [2, 2, 3, 3]
    twice = {
        g[0].number: np.mean([t.loss for t in g[:2]]) for g in groups if len(g) > 1
    }
    best = sorted(twice, key=lambda number: twice[number])[:2]
    assert {number for number in twice if times[number] == 3} == set(best)
    assert {t.steps for t in decided.trials.values()} == {2 * EPOCHS}


def test_trainings_differ_but_for_the_configuration(decided):
    group = by_mean(decided.whole)
    assert len(group) == 3
    assert len({t.loss for t in group}) == 3
    assert [t.loss for t in group] == sorted(t.loss for t in group)


def test_the_best_is_that_of_the_lowest_mean_and_says_so(decided, tmp_path):
    result = Result(problem(), decided)
    groups = [g for g in grouped(decided.leaderboard).values() if len(g) == 3]
    means = [np.mean([t.loss for t in group]) for group in groups]
    expected = groups[int(np.argmin(means))]
    assert result.best is expected[0]
    choice = result.choice
    assert choice.config == result.best.config
    assert choice.loss == pytest.approx(min(means))
    assert choice.error == pytest.approx(
        np.std([t.loss for t in expected], ddof=1) / 3**0.5
    )
    assert "the lowest mean of 3 evaluations each" in str(choice)
    page = result.report(tmp_path / "page.html").read_text("utf-8")
    assert f"the best mean of 3 trainings each, {min(means):.4g} ±" in page


def test_without_finalists_it_is_the_lowest_loss_seen(engine):
    found = search(Random(), engine)
    found.run(trials=8)
    result = Result(problem(), found)
    assert result.best is found.leaderboard[0]
    assert (result.choice.by, result.choice.evaluations) == ("lowest", 1)
    number = result.best.number
    found.trials[number] = replace(result.best, status="cut")
    assert result.best is found.leaderboard[0]  # alone it stands for itself


def test_time_is_kept_for_them(engine):
    found = search(Random(), engine)
    begin = time.monotonic()
    found.run(deadline=begin + 1.0, finalists=4)
    assert time.monotonic() - begin < 2.0
    assert len(by_mean(found.whole)) > 1


def test_those_that_do_not_fit_are_left_out(engine):
    found = search(Random(), engine)
    found.run(trials=8)
    each = found._seconds(found.leaderboard[:1])
    found.decide(8, deadline=time.monotonic() + 2.5 * each)
    assert len(found.trials) <= 8 + 2
    found.decide(8, deadline=time.monotonic())
    assert len(found.trials) <= 8 + 2


def test_heirs_can_not_be_trained_again(engine):
    with pytest.raises(InvalidInput, match="trials of PBT begin from the weights"):
        search(PROPOSERS["pbt"], engine).run(trials=9, finalists=2)


def test_a_search_of_a_space_of_ones_own_takes_them(monkeypatch):
    limits = {}
    monkeypatch.setattr(Search, "run", lambda self, **given: limits.update(given))
    tw.search(problem(), SPACE, proposer="random", trials=3, finalists=2)
    assert (limits["trials"], limits["finalists"]) == (3, 2)


def test_most_often_comes_before_the_mean():
    class Told:
        def __init__(self, x, loss):
            self.config, self.loss = {"x": x}, loss

    told = [Told(1, 0.1), Told(2, 0.5), Told(3, 0.4), Told(2, 0.3), Told(3, 0.6)]
    group = by_mean(told)
    assert [t.loss for t in group] == [0.5, 0.3]
    assert by_mean([]) == []
    assert Best.of(group).loss == pytest.approx(0.4)
    assert Best.of(told[:1]).by == "lowest"
