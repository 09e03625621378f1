"""The loop: what a search promises of its trials, its limits and its end."""

import time
from dataclasses import replace

import jax
import numpy as np
import pytest
from tiny_search import (
    EPOCHS,
    FOLDS,
    PROPOSERS,
    ROUND,
    SPACE,
    TRIALS,
    assembler,
    board,
    problem,
    rows,
    same,
    search,
    stop_after,
)

from thalweg.core.errors import InvalidInput
from thalweg.core.trainable import partition
from thalweg.evaluation import METRICS
from thalweg.proposers import ASHA, Grid, Hyperband, Random, SuccessiveHalving
from thalweg.spaces import Choice, Constant, Float, Space
from thalweg.study.loop import FIRST, MOST
from thalweg.study.members import jobs
from thalweg.training import Engine


@pytest.fixture(scope="module", params=PROPOSERS)
def finished(request, engine):
    """A search of each kind that ran to its end."""
    found = search(PROPOSERS[request.param], engine)
    found.run(trials=TRIALS[request.param])
    return found


@pytest.fixture(scope="module")
def plain(engine):
    found = search(Random(), engine)
    found.run(trials=10)
    return found


def test_the_same_seed_gives_the_same_bits(finished, engine):
    again = search(finished.proposer, engine)
    name = next(k for k, v in PROPOSERS.items() if v is finished.proposer)
    again.run(trials=TRIALS[name])
    assert same(rows(again), rows(finished))
    assert board(again) == board(finished)
    assert len(board(again)) >= 12


def test_another_seed_gives_others(plain, engine):
    other = search(Random(), engine, seed=1)
    other.run(trials=10)
    ours = {t.config["learning_rate"] for t in plain.trials.values()}
    assert not ours & {t.config["learning_rate"] for t in other.trials.values()}


def test_every_search_learns_something(finished):
    best, trials = finished.leaderboard[0], finished.leaderboard
    assert best.loss < 0.55 < np.log(2)
    assert [t.loss for t in trials] == sorted(t.loss for t in trials)


def test_trials_are_as_many_as_asked_for(plain):
    assert sorted(plain.trials) == list(range(10))
    assert plain.rounds == 3  # of 4, 4 and 2
    assert plain.pending == 0
    steps = EPOCHS * 2
    assert {(t.status, t.steps) for t in plain.trials.values()} == {("complete", steps)}


def test_a_trial_is_what_its_members_say(plain):
    """Every row is predicted by the network that was not trained on it."""
    task = problem()
    for trial in plain.leaderboard:
        prediction = np.full((64, 2), np.nan)
        for (train, validation), network in zip(
            task.splits, trial.networks, strict=True
        ):
            assert not set(train) & set(validation)
            outputs = network(task.x[0, validation], inference=True)
            prediction[validation] = jax.nn.softmax(outputs)
        np.testing.assert_allclose(trial.prediction, prediction, rtol=1e-4, atol=1e-5)
        value = METRICS["log_loss"](task.target, prediction)
        assert trial.score.value == pytest.approx(value, rel=1e-4)
        assert trial.loss == trial.score.loss == trial.score.value
        params, _ = partition(trial.networks[0])
        assert trial.parameters == sum(leaf.size for leaf in jax.tree.leaves(params))
        assert len(trial.curves) == FOLDS
        for curve in trial.curves:
            assert curve[:, 0].tolist() == list(range(ROUND, EPOCHS * 2 + 1, ROUND))
        assert 0 <= trial.started <= trial.finished
        assert trial.train_seconds > 0


def test_only_the_best_keep_their_networks(engine):
    found = search(Random(), engine, keep=3)
    found.run(trials=10)
    kept = [bool(t.networks) for t in found.leaderboard]
    assert kept == [True] * 3 + [False] * 7
    assert [t.prediction is not None for t in found.leaderboard] == kept
    assert not any(t.states for t in found.trials.values())


def test_it_goes_on_when_it_is_called_again(engine):
    found = search(Random(), engine)
    found.run(trials=4)
    first = rows(found)
    found.run(trials=10)
    assert sorted(found.trials) == list(range(10))
    assert same(rows(found)[:4], first)


def test_a_search_needs_a_limit(engine):
    with pytest.raises(InvalidInput, match="A search needs a limit, but got neither"):
        search(Random(), engine).run()


def test_a_space_that_is_exhausted_ends_the_search(engine):
    space = Space(
        {
            "learning_rate": Choice([0.01, 0.1]),
            "dropout": Constant(0.0),
            "activation": Choice(["relu", "tanh"]),
            "width": Constant(8),
        }
    )
    for proposer in (Random(), Grid()):
        found = search(proposer, engine, space=space)
        found.run(trials=50)
        configs = [tuple(t.config.values()) for t in found.trials.values()]
        assert len(configs) == len(set(configs)) == 4


def test_a_trial_that_diverges_is_data(engine):
    space = SPACE.parameters | {"learning_rate": Float(1e-2, 1e38, log=True)}
    found = search(Random(), engine, space=Space(space))
    found.run(trials=12)
    wild = [t for t in found.trials.values() if t.status == "diverged"]
    assert 2 < len(wild) < 12
    for trial in wild:
        assert np.isnan(trial.loss)
        assert trial.score is None
        assert trial.networks == ()
    tame = {t.number for t in found.trials.values()} - {t.number for t in wild}
    assert {t.number for t in found.leaderboard} == tame


# Hyperband


@pytest.fixture(scope="module")
def halved(engine):
    found = search(PROPOSERS["hyperband"], engine)
    found.run(trials=99)
    return found


def test_survivors_go_on_from_their_weights(halved, engine):
    """A promoted trial is, bit by bit, one that was trained in full at once."""
    task = problem()
    full = [t for t in halved.trials.values() if t.budget == 1]
    assert len(full) == 2
    for trial in full:
        recipe = assembler()(trial.config, budget=1.0)
        whole = engine.train(jobs(task, recipe, trial=trial.number))
        prediction = task.out_of_fold([end.outputs for end in whole])
        assert prediction.tobytes() == trial.prediction.tobytes()
        for end, curve in zip(whole, trial.curves, strict=True):
            np.testing.assert_array_equal(curve, end.curve)


def test_rungs_have_their_budgets(halved):
    budgets = [round(1 / t.budget) for t in halved.trials.values()]
    # 9 begin, 3 of them go on, 1 to the end; then 5 begin higher, and 1 of them goes on
    assert sorted(budgets) == [1] * 2 + [3] * (2 + 4) + [9] * 6
    steps = {round(1 / t.budget): t.steps for t in halved.trials.values()}
    assert steps == {9: 3, 3: 6, 1: 18}


def test_promotion_only_lowers_a_trial_s_loss(halved):
    assert all(t.parent in (-1, t.number) for t in halved.trials.values())
    assert halved.leaderboard[0].budget == 1


def test_few_trials_are_still_promoted(engine):
    """A limit in the middle of a rung: the rung is as small as the limit says."""
    found = search(Hyperband(min_budget=1 / 9), engine)
    found.run(trials=4)
    assert len(found.trials) == 4
    assert sorted(round(1 / t.budget) for t in found.trials.values()) == [1, 3, 3, 9]
    found.run(trials=7)  # and there is more where that came from
    assert len(found.trials) == 7


def test_what_a_survivor_had_is_not_lost_when_time_ends(engine):
    """Cut before its members were judged again, a trial keeps its earlier score."""
    found = search(PROPOSERS["hyperband"], engine)
    train = engine.train

    def cut(work, **rest):
        work = list(work)
        ended = train(work, **rest)
        if work[0].resume is None:
            return ended
        return [replace_status(end) for end in ended if end.job.replica == 0]

    found.engine = Proxy(engine, cut)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(found, "_watch", stop_after(2))
        found.run(trials=99)
    assert found.rounds == 2
    assert len(found.leaderboard) == 9
    assert all(t.networks and t.score for t in found.trials.values())


def replace_status(end):
    return end._replace(status="cut")


class Proxy:
    """An engine whose `train` is another."""

    def __init__(self, engine, train):
        self._engine, self.train = engine, train
        self.interrupted = False

    def __getattr__(self, name):
        return getattr(self._engine, name)


# Limits


def test_a_deadline_is_kept(engine):
    found = search(Random(), engine)
    found.recipe = lambda config, budget: endless(assembler()(config, budget=budget))
    begin = time.monotonic()
    found.run(deadline=begin + 1.0)
    assert time.monotonic() - begin < 2.5
    assert {t.status for t in found.trials.values()} == {"cut"}
    best = found.leaderboard[0]
    assert best.networks
    assert np.isfinite(best.loss)


def endless(recipe):
    stop = replace(recipe.stop, steps=np.int32(10**8))
    return replace(recipe, stop=stop)


def test_no_time_means_no_trials(engine):
    found = search(Random(), engine)
    found.run(deadline=time.monotonic())
    assert found.trials == {}
    assert found.leaderboard == []


def test_an_interrupt_between_rounds_keeps_them(engine, plain):
    found = search(Random(), engine, watch=stop_after(2))
    found.run(trials=10)
    assert found.engine.interrupted
    assert same(rows(found), rows(plain)[:8])


def test_an_interrupt_in_a_round_keeps_what_was_done(engine, plain, monkeypatch):
    """Members that ended are a trial, those that were cut one with status "cut"."""
    monkeypatch.setattr("thalweg.training.engine.SEGMENT_SECONDS", 1e-9)
    begun = engine.tally.members

    def pull(found):
        ended = engine.tally.members - begun
        if found.pending and ended >= 4 * FOLDS + 3 and not engine.interrupted:
            raise KeyboardInterrupt

    found = search(Random(), engine, watch=pull)
    begun = engine.tally.members
    found.run(trials=10)
    assert engine.interrupted
    assert 4 < len(found.trials) < 8
    assert same(rows(found)[:4], rows(plain)[:4])
    done = {t.number: t for t in found.trials.values() if t.status == "complete"}
    assert len(done) >= 5
    for number, trial in done.items():
        assert trial.loss == plain.trials[number].loss
    assert {t.status for t in found.trials.values()} <= {"complete", "cut"}


def test_it_tells_what_the_time_went_on(plain):
    spent = plain.spent()
    assert set(spent) == {"compile", "train", "propose", "evaluate", "store"}
    assert all(seconds >= 0 for seconds in spent.values())
    assert plain.clock.elapsed > spent["propose"] + spent["evaluate"]


def test_it_says_whenever_there_is_news(engine):
    seen = []
    found = search(
        Random(),
        engine,
        watch=lambda s: seen.append((s.rounds, s.pending, len(s.trials))),
    )
    found.run(trials=8)
    ends = [entry for entry in seen if entry[1] == 0]
    assert ends == [(1, 0, 4), (2, 0, 8)]
    assert all(pending in (0, 4) for _, pending, _ in seen)
    assert len(seen) > 4


def test_a_new_engine_gives_the_same(plain):
    """Nothing of an engine's past is part of a result; one device or two."""
    fresh = Engine(problem().training_task(), steps=ROUND, devices=1)
    found = search(Random(), fresh)
    found.run(trials=10)
    assert same(rows(found), rows(plain))
    assert board(found) == board(plain)
    assert fresh.tally.programs == 1


def test_a_rung_larger_than_an_ask_is_given_up_and_goes_on(engine):
    """The limit falls into the first rung, after all of an ask: its best still end."""
    proposer = SuccessiveHalving(trials=70, min_budget=1 / 9)
    found = search(proposer, engine)
    found.run(trials=64)
    assert len(found.trials) == 64
    budgets = [t.budget for t in found.trials.values()]
    assert sum(b > 0.2 for b in budgets) == 70 // 3
    assert sum(b == 1 for b in budgets) == 70 // 9


def test_with_time_as_the_limit_rungs_are_asked_for_in_parts(engine):
    """So that an asynchronous search promotes before it has begun many trials."""
    rounds = []

    def watch(found):
        if not found.pending and found.told:
            rounds.append(found.told)
        found.engine.interrupted = len(rounds) > 2

    found = search(ASHA(min_budget=1 / 9), engine)
    found._watch = watch
    found.run(deadline=time.monotonic() + 100)
    assert rounds[0] == FIRST
    assert max(t.budget for t in found.trials.values()) > 0.2


@pytest.mark.parametrize(
    ("asking", "left", "size"),
    [
        (0.0, 1000, 5),  # as long as a visit of the engine
        (0.5, 1000, 40),  # an ask that took long: by what it took
        (0.5, 12, 10),  # not more than a part of the time that is left
        (0.5, 1, 4),
        (9.0, 10_000, MOST),
    ],
)
def test_a_round_is_short_unless_asking_takes_long(engine, asking, left, size):
    found = search(Random(), engine)
    found.told, found._asking, found.clock.propose = 100, asking, 7.0
    found.clock.begin = time.monotonic() - 17.0  # so that a trial takes 0.1 s
    batch = found._batch(time.monotonic() + left)
    assert abs(batch - size) <= 1
