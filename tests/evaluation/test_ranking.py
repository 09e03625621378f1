"""Rankings: against scipy, by hand, and their coverage by simulation."""

import numpy as np
import pytest
from scipy import stats

from thalweg.core.errors import InvalidInput
from thalweg.evaluation import (
    mean_and_error,
    mean_ranks,
    normalised_scores,
    rank_correlation,
    rank_trials,
)


def test_rows_give_the_standard_error_and_folds_the_corrected_one():
    losses = np.random.default_rng(0).normal(size=(3, 5))
    mean, error = mean_and_error(losses)
    np.testing.assert_allclose(mean, losses.mean(1))
    np.testing.assert_allclose(error, stats.sem(losses, axis=1))
    _, corrected = mean_and_error(losses, overlap=1 / 4)
    np.testing.assert_allclose(corrected, error * np.sqrt((1 / 5 + 1 / 4) / (1 / 5)))
    assert np.isnan(mean_and_error(losses[:, :1])[1]).all()


def test_the_interval_is_that_of_a_paired_t_test():
    losses = np.random.default_rng(1).normal([[0.0], [0.3]], 1, (2, 40))
    ranking = rank_trials(losses)
    leader, other = ranking.order
    test = stats.ttest_rel(losses[other], losses[leader])
    interval = test.confidence_interval(0.95)
    np.testing.assert_allclose(
        [ranking.low[other], ranking.high[other]], [interval.low, interval.high]
    )
    assert ranking.behind[leader] == ranking.low[leader] == ranking.high[leader] == 0
    assert ranking.distinguishable[other] == (test.pvalue < 0.05)


def test_pairing_finds_what_the_separate_errors_hide():
    """Rows differ by 1, trials by 0.05: hopeless unpaired, plain paired."""
    rng = np.random.default_rng(2)
    difficulty = rng.normal(0, 1, 200)
    noise = rng.normal(0, 0.05, (3, 200))
    losses = difficulty + noise + np.array([[0.05], [0.0], [0.0]])
    ranking = rank_trials(losses)
    assert ranking.error.min() > 0.05
    np.testing.assert_array_equal(ranking.distinguishable, [True, False, False])
    assert ranking.order[-1] == 0


def test_equal_trials_are_rarely_told_apart():
    """5 % of 1,000 comparisons of two equal trials at 95 %, within five sigmas."""
    rng = np.random.default_rng(3)
    found = sum(
        rank_trials(rng.normal(size=(2, 30))).distinguishable.any() for _ in range(1000)
    )
    # the leader is the lower of the two, so one side of the interval does all the work
    assert abs(found - 50) < 5 * np.sqrt(1000 * 0.05 * 0.95)


def test_a_failed_trial_is_last_and_ties_keep_their_order():
    losses = np.array([[np.nan, 1.0], [2.0, 2.0], [1.0, 1.0], [1.0, 1.0]])
    ranking = rank_trials(losses)
    np.testing.assert_array_equal(ranking.order, [2, 3, 1, 0])
    np.testing.assert_array_equal(ranking.distinguishable, [True, True, False, False])


def test_one_unit_tells_nothing_apart():
    assert not rank_trials(np.array([[1.0], [2.0]])).distinguishable.any()


def test_mean_ranks_by_hand():
    losses = [[1.0, 2.0, 3.0], [1.0, 1.0, 5.0], [2.0, np.nan, 1.0]]
    mean, error = mean_ranks(np.array(losses))
    np.testing.assert_allclose(mean, [(1 + 1.5 + 2) / 3, (2 + 1.5 + 3) / 3, 7 / 3])
    np.testing.assert_allclose(error[0], stats.sem([1, 1.5, 2]))


def test_normalised_scores_by_hand():
    losses = np.array(
        [[1.0, 2.0, 3.0], [4.0, np.nan, 2.0], [5.0, 5.0, 5.0], [np.nan] * 3]
    )
    want = [[1, 0.5, 0], [0, 0, 1], [1, 1, 1], [0, 0, 0]]
    np.testing.assert_allclose(normalised_scores(losses), want)
    scores = normalised_scores(losses, np.array([2.0, 10.0, 1.0, 3.0]))
    want = [[1, 0, 0], [0.75, 0, 1], [0, 0, 0], [0, 0, 0]]
    np.testing.assert_allclose(scores, want)


@pytest.mark.parametrize("reference", [None, np.array([5.0])])
def test_normalised_scores_ignore_units(reference):
    losses = np.array([[1.0, 2.0, 4.0]])
    scaled = None if reference is None else reference * 7
    np.testing.assert_allclose(
        normalised_scores(losses * 7, scaled), normalised_scores(losses, reference)
    )


def test_rank_correlation_is_scipys_with_failures_last():
    rng = np.random.default_rng(0)
    a = rng.normal(size=200)
    b = a + rng.normal(size=200)
    value, error = rank_correlation(a, b)
    assert value == pytest.approx(stats.spearmanr(a, b).statistic)
    kendall, _ = rank_correlation(a, b, kind="kendall", draws=2)
    assert kendall == pytest.approx(stats.kendalltau(a, b).statistic)
    # of a normal pair with correlation 0.7; the error's own error is some 10 %
    assert error == pytest.approx(np.sqrt(1 / 200) * (1 - 0.5), rel=0.5)
    failed = np.where(np.arange(200) == 3, np.nan, a)
    worst = np.where(np.arange(200) == 3, 1e9, a)
    assert rank_correlation(failed, b)[0] == rank_correlation(worst, b)[0]
    assert rank_correlation(-a, np.exp(a))[0] == pytest.approx(-1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1, 2], [1, 2]), "at least 3 values"),
        (([1, 2, 3], [1, 2, 3, 4]), "the shapes"),
    ],
)
def test_rank_correlation_refuses(arguments, message):
    with pytest.raises(InvalidInput, match=message):
        rank_correlation(*arguments)
    with pytest.raises(InvalidInput, match="spearman"):
        rank_correlation([1, 2, 3], [1, 2, 3], kind="spearmann")
