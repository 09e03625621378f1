"""The task, the classes and the scale of what is to be predicted."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from thalweg.core.errors import DataError, InvalidInput
from thalweg.data import (
    Classes,
    TargetScale,
    as_target,
    infer_task,
    log_like,
    read_target,
)

RNG = np.random.default_rng(3)


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (["a", "b"] * 30, "classification"),
        ([True, False] * 30, "classification"),
        (pd.Categorical([1, 2, 3] * 20), "classification"),
        ([0, 1, 2] * 20, "classification"),
        ([-1, 1] * 30, "classification"),
        ([0.0, 1.0] * 30, "classification"),
        ([0.0, 1.0, 2.0] * 20, "regression"),
        ([0.0, 1.0, 2.0, np.nan] * 20, "classification"),
        (["1", "2", "3"] * 20, "classification"),
        ([f"${i},000" for i in range(60)], "regression"),
        (list(range(60)), "regression"),
        ([5, 7, 11, 13, 80] * 4, "regression"),  # four rows a value are too few
        (list(range(100)) * 6, "classification"),
        (list(range(17, 117)) * 6, "regression"),  # ages
        (RNG.normal(size=60), "regression"),
        (pd.date_range("2020", periods=60), "classification"),
    ],
)
def test_the_task_is_inferred_and_the_reason_stated(values, task):
    found, reason = infer_task(pd.Series(values, name="y"))
    assert found == task
    assert reason.startswith("it")


def test_the_reason_is_among_the_notes():
    target = read_target(pd.Series([0, 1, 2] * 20, name="y"))
    assert "Task: classification, because of 'y' it has 3" in target.notes[0]
    assert read_target(pd.Series([0, 1, 2] * 20), "regression").notes == ()
    with pytest.raises(InvalidInput, match="'ranking'"):
        read_target(pd.Series([0, 1]), "ranking")  # pyright: ignore


@pytest.mark.parametrize(
    ("values", "task", "said"),
    [
        ([1.0], None, "1 sample"),
        ([np.nan] * 9, None, "are missing"),
        ([np.inf] * 9, "regression", "are missing"),
        ([None] * 9, "classification", "are missing"),
        (["a"] * 9, None, "one class: 'a'"),
        ([2.5] * 9, None, "is 2.5 in every row"),
        ([3] * 9, "classification", "one class"),
        (
            [0.5, 1.5, 2.5],
            "classification",
            "Unknown label type.*continuous, such as 0.5",
        ),
        (["a", "b", "c"], "regression", "such as 'a'"),
        (["a", "b", "c"], "classification", "a class of its own"),
        ([1.5, None, None], "regression", "at least 2 rows"),
        (["a", 1, "b", 2], "classification", "one type"),
        ([[1], [2], [1]], "classification", "cells of type list"),
    ],
)
def test_what_can_not_be_learnt_is_refused(values, task, said):
    with pytest.raises(DataError, match=said):
        read_target(pd.Series(values, name="y"), task)


def test_rows_without_a_target_are_left_out_and_counted():
    target = read_target(pd.Series([1.5, np.nan, np.inf, 1e300, 2.5, 3.5], name="y"))
    assert target.rows.tolist() == [0, 4, 5]
    assert target.values.tolist() == [1.5, 2.5, 3.5]
    assert "Left out 3 rows" in target.notes[1]


def test_gaps_do_not_turn_labels_into_floats():
    target = read_target(pd.Series([0, 1, None, 2, 1, 0, 2]), "classification")
    assert target.classes is not None
    assert target.classes.labels.dtype == np.int64
    assert target.values.tolist() == [0, 1, 2, 1, 0, 2]


def test_a_class_with_one_example_is_kept_and_stated():
    target = read_target(pd.Series(["a"] * 5 + ["b"] * 5 + ["rare"]), "classification")
    assert target.classes is not None
    assert target.classes.labels.tolist() == ["a", "b", "rare"]
    assert "'rare'" in target.notes[-1]


def test_text_that_is_numbers_can_be_regressed():
    target = read_target(pd.Series(["$1,000", "$2,500"] * 20 + ["soon"]), "regression")
    assert set(target.values) == {1000.0, 2500.0}
    assert "Left out 1 row " in target.notes[-1]


class TestAsTarget:
    def test_a_column_vector_is_flattened_with_a_warning(self):
        from sklearn.exceptions import DataConversionWarning

        with pytest.warns(DataConversionWarning, match="A column-vector y was passed"):
            assert as_target(np.ones((3, 1))).tolist() == [1, 1, 1]

    def test_names(self):
        assert as_target([1, 2]).name == "target"
        assert as_target(pd.Series([1, 2], name="price", index=[4, 5])).name == "price"

    @pytest.mark.parametrize(
        ("y", "said"),
        [
            (None, "M requires y to be passed, but the target y is None"),
            (np.ones((3, 2)), "y should be a 1d array"),
            (3.0, "y should be a 1d array"),
            (np.ones(3, complex), "Complex data not supported"),
        ],
    )
    def test_what_is_no_target(self, y, said):
        with pytest.raises(DataError, match=said):
            as_target(y, owner="M")


labels = st.one_of(
    hnp.arrays(np.int64, st.integers(2, 30)),
    hnp.arrays(np.float64, st.integers(2, 30), elements=st.floats(-9, 9)),
    hnp.arrays(np.bool_, st.integers(2, 30)),
    hnp.arrays("<U5", st.integers(2, 30)),
    st.lists(st.text(), min_size=2).map(lambda v: np.array(v, dtype=object)),
)


@given(labels)
def test_classes_survive_json_with_their_dtype(y):
    classes, codes = Classes.fit_encode(y)
    again = Classes.from_json(json.loads(json.dumps(classes.to_json())))
    assert again == classes
    assert again.labels.dtype == y.dtype
    np.testing.assert_array_equal(again.labels, np.unique(y))
    np.testing.assert_array_equal(again.decode(codes), y)
    np.testing.assert_array_equal(again.encode(y), codes)
    assert codes.dtype == np.int32


def test_a_label_that_is_no_class():
    with pytest.raises(DataError, match="'a', 'b', but got 'c'"):
        Classes.fit(["a", "b"]).encode(["a", "c"])
    by_object = Classes.fit(np.array(["a", "b"], dtype=object))
    assert by_object.encode(np.array(["b", "a"])).tolist() == [1, 0]


positive = hnp.arrays(np.float64, st.integers(2, 40), elements=st.floats(1e-3, 1e6))


@given(positive, st.sampled_from(["identity", "log", "log1p"]))
def test_decoding_inverts_encoding(y, curve):
    scale = TargetScale.fit(y, curve=curve)
    again = TargetScale.from_json(json.loads(json.dumps(scale.to_json())))
    assert again == scale
    z = again.encode(y)
    assert z.dtype == np.float32
    # float32 holds 7 digits of (curve(y) - mean) / deviation
    slack = 1e-5 * (np.abs(y) + y.std()) if curve == "identity" else 1e-4 * (1 + y)
    assert (np.abs(again.decode(z) - y) <= slack).all()


def test_the_training_part_is_standardised():
    y = RNG.normal(50, 7, size=500)
    z = TargetScale.fit(y).encode(y)
    assert abs(z.mean()) < 1e-6
    assert abs(z.std() - 1) < 1e-6


def test_only_long_tails_that_logs_straighten_are_learnt_as_logs():
    assert log_like(np.exp(RNG.normal(0, 1.5, 2000))) == "log"
    assert log_like(np.floor(np.exp(RNG.normal(3, 1.5, 2000)))) == "log1p"
    assert (
        log_like(np.exp(RNG.normal(0, 0.45, 2000))) == "identity"
    )  # less than a decade
    assert log_like(RNG.normal(50, 7, 2000)) == "identity"
    other_tail = np.where(RNG.random(2000) < 0.04, 1e-6, np.exp(RNG.normal(0, 1, 2000)))
    assert log_like(other_tail) == "identity"
    assert log_like(RNG.normal(size=2000)) == "identity"
    assert log_like(-np.exp(RNG.normal(0, 1.5, 2000))) == "identity"
    assert log_like(np.exp(RNG.normal(0, 1.5, 10))) == "identity"  # too few to tell


def test_predictions_stay_near_the_training_range():
    scale = TargetScale.fit(np.exp(RNG.normal(0, 1.5, 2000)))
    assert scale.curve == "log"
    far = scale.decode(np.array([-1e6, 1e6, np.inf]))
    assert np.isfinite(far).all()
    assert far.min() >= 0
    assert far.max() == scale.high
    assert np.isfinite(scale.decode(np.array([1e6]), clip=False)).all()


def test_what_was_never_negative_is_not_predicted_to_be():
    scale = TargetScale.fit(np.linspace(0.5, 20, 50), curve="identity")
    assert scale.decode(np.array([-1e6])) == 0
    assert scale.decode(np.array([1e6])) == 20 + 0.1 * 19.5


def test_a_target_that_the_logarithm_lacks_is_the_lowest():
    scale = TargetScale.fit(np.exp(RNG.normal(0, 1.5, 2000)), curve="log")
    assert scale.encode(np.array([0.0, -1.0])).tolist() == [-20, -20]


@pytest.mark.parametrize(
    ("y", "curve", "said"),
    [
        ([1.0, np.nan], "auto", "finite"),
        ([], "auto", "finite"),
        ([0.0, 1.0], "log", "targets above 0, but the least is 0"),
        ([0.0, 1.0], "sqrt", "'sqrt'"),
    ],
)
def test_scales_that_can_not_be_fitted(y, curve, said):
    with pytest.raises(InvalidInput, match=said):
        TargetScale.fit(np.array(y), curve=curve)
