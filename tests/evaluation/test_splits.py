"""Splits: parts that are disjoint, complete, even over classes, and of stated size."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thalweg.core.errors import DataError, InvalidInput
from thalweg.evaluation import choose_splits, hold_out, k_fold

labels = st.lists(st.integers(0, 4), min_size=8, max_size=80).map(np.array)


def scorable(y):
    return np.isin(y, np.flatnonzero(np.bincount(y) > 1))


def check_parts(splits, y):
    """Disjoint, complete, all classes in training, single rows never scored."""
    for train, validation in splits:
        np.testing.assert_array_equal(
            np.sort(np.concatenate([train, validation])), np.arange(len(y))
        )
        assert len(validation) > 0
        assert set(y[train]) == set(y)
        assert scorable(y)[validation].all()


@given(y=labels, k=st.integers(2, 6), seed=st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_k_fold(y, k, seed):
    if scorable(y).sum() < k:
        return
    splits = k_fold(len(y), y, k=k, seed=seed, repeats=2)
    check_parts(splits, y)
    assert len(splits) == 2 * k
    for repeat in (splits.validation[:k], splits.validation[k:]):
        rows = np.sort(np.concatenate(repeat))
        np.testing.assert_array_equal(rows, np.flatnonzero(scorable(y)))
        sizes = [len(part) for part in repeat]
        assert max(sizes) - min(sizes) <= 1
        for code in np.flatnonzero(np.bincount(y) > 1):
            members = [(y[part] == code).sum() for part in repeat]
            assert max(members) - min(members) <= 1


@given(y=labels, fraction=st.floats(0.05, 0.9), seed=st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_hold_out(y, fraction, seed):
    splits = hold_out(len(y), y, fraction=fraction, seed=seed)
    check_parts(splits, y)
    room = scorable(y).sum() - (np.bincount(y) > 1).sum()
    assert len(splits.rows) == min(max(1, round(fraction * len(y))), room)


def test_hold_out_is_even_over_large_classes():
    y = np.repeat([0, 1, 2], [600, 300, 100])
    (part,) = hold_out(1000, y, fraction=0.2).validation
    assert np.abs(np.bincount(y[part]) - [120, 60, 20]).max() <= 1


def test_regression_scores_every_row_once_per_repeat():
    splits = k_fold(23, k=5, repeats=3)
    times = np.bincount(np.concatenate(splits.validation), minlength=23)
    np.testing.assert_array_equal(times, 3)
    assert not np.array_equal(splits.validation[0], splits.validation[5])


def test_the_seed_decides():
    y = np.arange(60) % 3
    for make in (hold_out, k_fold):
        one, same, other = (make(60, y, seed=seed) for seed in (1, 1, 2))
        np.testing.assert_array_equal(one.validation[0], same.validation[0])
        assert not np.array_equal(one.validation[0], other.validation[0])


def test_every_row_is_held_out_equally_often():
    """Over 400 seeds each of 50 rows is held out 80 times, within five sigmas."""
    y = np.repeat([0, 1], [30, 20])
    times = np.zeros(50)
    for seed in range(400):
        times[hold_out(50, y, fraction=0.2, seed=seed).validation[0]] += 1
    assert np.abs(times - 80).max() < 5 * np.sqrt(400 * 0.2 * 0.8)


def test_no_class_is_favoured():
    """The one row held out is of either class in half of 400 seeds, to five sigmas."""
    y = np.repeat([0, 1], 10)
    first = sum(
        y[hold_out(20, y, fraction=0.05, seed=seed).validation[0][0]] == 0
        for seed in range(400)
    )
    assert abs(first - 200) < 5 * np.sqrt(400 / 4)


def test_out_of_fold_is_the_mean_over_repeats_in_row_order():
    y = np.array([0] * 10 + [1] * 10 + [2])  # the last row is the only one of its class
    splits = k_fold(21, y, k=4, repeats=2)
    value = np.stack([np.arange(21.0), -np.arange(21.0)], axis=1).astype(np.float32)
    parts = [
        value[part] + (1 if number < 4 else 3)
        for number, part in enumerate(splits.validation)
    ]
    np.testing.assert_array_equal(splits.rows, np.arange(20))
    np.testing.assert_allclose(splits.out_of_fold(parts), value[:20] + 2)
    assert splits.out_of_fold(parts).dtype == np.float32
    np.testing.assert_allclose(
        splits.out_of_fold([part[:, 0] for part in parts]), value[:20, 0] + 2
    )


@pytest.mark.parametrize(
    ("n", "preset", "kind", "splits"),
    [
        (100, "fast", "cross_validation", 5),
        (100, "balanced", "cross_validation", 10),
        (100, "best", "cross_validation", 20),
        (300, "balanced", "cross_validation", 5),
        (9_999, "balanced", "cross_validation", 5),
        (10_000, "balanced", "hold_out", 1),
        (2_000, "fast", "hold_out", 1),
        (20_000, "best", "cross_validation", 5),
    ],
)
def test_the_choice_by_size(n, preset, kind, splits):
    chosen = choose_splits(n, "regression", np.zeros(n), preset)
    assert (chosen.kind, len(chosen)) == (kind, splits)


def test_the_held_out_fraction_shrinks_and_is_capped():
    sizes = [10_000, 100_000, 1_000_000]
    held = [len(choose_splits(n, "regression").rows) for n in sizes]
    np.testing.assert_allclose(held, [2000, 10024, 20000], atol=1)


def test_tables_with_hardly_a_row():
    assert len(choose_splits(3, "regression")) == 3 * 2
    assert choose_splits(3, "regression").describe() == (
        "3-fold cross-validation, 2 times"
    )
    y = np.array([0, 0, 1, 2])
    assert choose_splits(4, "classification", y, "fast").folds == 2
    with pytest.raises(DataError, match="got 0"):
        choose_splits(4, "classification", np.arange(4))
    with pytest.raises(DataError, match="at least 2 rows"):
        hold_out(1)
    with pytest.raises(DataError, match=r"got 2\..* or ask for fewer folds"):
        k_fold(4, y, k=5)
    assert hold_out(2).describe() == "hold-out of 1 rows"


def test_arguments_are_checked():
    with pytest.raises(InvalidInput, match=r"between 0 and 1, but got 1\.5"):
        hold_out(10, fraction=1.5)
    with pytest.raises(InvalidInput, match="k=1"):
        k_fold(10, k=1)
    with pytest.raises(InvalidInput, match="10 class codes, but got 9"):
        k_fold(10, np.zeros(9, int))
    with pytest.raises(InvalidInput, match="'quick'"):
        choose_splits(10, "regression", preset="quick")
