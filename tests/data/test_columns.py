"""What each column is taken for, what is dropped, and how columns are found again."""

import datetime
import json
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from thalweg.core.errors import DataError, WrongType
from thalweg.data import Schema, as_frame

N = 60
RNG = np.random.default_rng(7)
NUMBERS = RNG.normal(size=N)


def kind_of(values, name="c", **options):
    frame = pd.DataFrame({"other": NUMBERS, name: values})
    schema = Schema.infer(frame, **options)
    return schema.columns[1], schema.notes


def cycled(*values):
    return [values[i % len(values)] for i in range(N)]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (NUMBERS, "numeric"),
        (np.arange(N) % 3, "numeric"),  # whole numbers stay numbers
        (pd.array(cycled(1, 2, None), dtype="Int64"), "numeric"),
        (cycled(1.0, np.nan), "numeric"),  # missing or not is what it tells
        (pd.array(cycled(1.5, None, 2), dtype="double[pyarrow]"), "numeric"),
        (pd.to_timedelta(np.arange(N), unit="h"), "numeric"),
        ([Decimal(i) / 7 for i in range(N)], "numeric"),
        ([str(x) for x in NUMBERS], "numeric"),
        ([f"${1000 + i:,}" for i in range(N)], "numeric"),
        (cycled("a", "b", "c"), "categorical"),
        (cycled("a", "b", None), "categorical"),
        (cycled("a", None), "categorical"),
        (pd.Categorical(cycled(1, 2, 3)), "categorical"),
        (["U", *cycled("1", "2", "3")[1:]], "categorical"),  # codes
        ([f"{i % 20:03d}" for i in range(N)], "categorical"),
        (cycled("yes", "no"), "categorical"),
        (cycled(True, False), "boolean"),
        (pd.array(cycled(True, False, None), dtype="boolean"), "boolean"),
        (cycled("true", "False", None), "boolean"),
        (cycled(True, False, None), "boolean"),
        (pd.date_range("2020-01-01", periods=N), "date"),
        (pd.date_range("2020-01-01", periods=N, tz="Europe/Berlin"), "date"),
        (pd.period_range("2020-01", periods=N, freq="M"), "date"),
        ([datetime.date(2020, 1, 1 + i % 28) for i in range(N)], "date"),
        ([f"2020-01-{1 + i % 28:02d}" for i in range(N)], "date"),
        ([f"{1 + i % 28}.3.2020 10:0{i % 10}" for i in range(N)], "date"),
    ],
)
def test_kinds(values, kind):
    assert kind_of(values)[0].kind == kind


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([1.0] * N, "constant"),
        (["a"] * N, "constant"),
        (["1.0"] * (N // 2) + ["1"] * (N // 2), "constant"),
        (["2020-01-01"] * (N - 1) + ["2020/01/01"], "constant"),
        (pd.to_datetime(["2020-01-01"] * N), "constant"),
        ([np.nan] * N, "no value"),
        ([np.inf] * N, "no value"),
        ([None] * N, "no value"),
        (pd.to_datetime([None] * N), "no value"),
        ([f"user {i}x" for i in range(N)], "all different"),
        (["x", "x"] + [f"user {i}x" for i in range(N - 2)], "nearly all different"),
    ],
)
def test_columns_of_no_use_are_dropped_and_named(values, reason):
    column, notes = kind_of(values)
    assert (column.kind, column.reason) == ("dropped", reason)
    assert any("Dropped 1 column" in note and "'c'" in note for note in notes)


def test_an_exported_index_is_dropped_but_not_a_counter_with_a_name():
    assert kind_of(np.arange(N), "Unnamed: 0")[0].reason == "row number"
    assert kind_of(np.arange(N) + 1, "id")[0].reason == "row number"
    assert kind_of(np.arange(N), "week")[0].kind == "numeric"
    assert kind_of(RNG.permutation(N), "id")[0].kind == "numeric"


def test_text_in_a_column_of_numbers_is_stated():
    values = [str(x) for x in NUMBERS]
    values[3], values[9] = "broken", "broken"
    column, (note,) = kind_of(values)
    assert column.kind == "numeric"
    assert "'c' (2, such as 'broken')" in note
    values[10:13] = ["?", "n/a", "NA"]  # the usual words for a gap need no statement
    values[3] = values[9] = "?"
    assert kind_of(values) == (column, ())


def test_infinite_and_huge_numbers_are_stated():
    x = NUMBERS.copy()
    x[0] = np.inf
    assert "Infinite" in kind_of(x)[1][0]
    assert "Infinite" in kind_of([str(v) for v in x])[1][0]
    x[0] = -1e300
    assert "1e30" in kind_of(x)[1][0]
    assert "1e30" in kind_of([str(v) for v in x])[1][0]


def test_parts_of_dates_that_do_not_vary_are_left_out():
    days = [f"2020-01-{1 + i % 28:02d}" for i in range(N)]
    assert kind_of(days)[0].parts == ("day", "weekday", "elapsed")
    hours = [f"2020-01-01 {i % 24:02d}:00" for i in range(N)]
    assert kind_of(hours)[0].parts == ("hour", "elapsed")


def test_days_and_months_that_could_be_swapped_are_stated():
    column, (note,) = kind_of([f"{1 + i % 12}/{1 + i % 5}/2020" for i in range(N)])
    assert column.order == "mdy"
    assert "'c' (mdy)" in note
    assert kind_of([f"{1 + i % 28}/3/2020" for i in range(N)])[1] == ()


@pytest.mark.parametrize(
    "cell", [[1, 2], {"a": 1}, (1, 2), {1}, np.arange(2), np.arange(4).reshape(2, 2)]
)
def test_cells_that_hold_more_than_one_value_are_refused_by_name(cell):
    values = np.empty(N, dtype=object)
    for i in range(N):
        values[i] = cell if i == N - 1 else None
    with pytest.raises(WrongType, match="column 'c' holds cells of type"):
        kind_of(values)


def test_nested_arrow_columns_are_refused(tmp_path):
    import pyarrow as pa

    values = pd.Series([[1, 2]] * N, dtype=pd.ArrowDtype(pa.list_(pa.int64())))
    with pytest.raises(WrongType, match="column 'c'"):
        kind_of(values)


def test_declared_categories():
    assert kind_of(np.arange(N) % 3, categorical=["c"])[0].kind == "categorical"
    with pytest.raises(DataError, match=r"no 'C2'. Did you mean 'c2'"):
        kind_of(np.arange(N) % 3, "c2", categorical=["C2"])


def test_a_table_without_a_column_that_varies():
    with pytest.raises(DataError, match=r"of its 2 none does.*Dropped"):
        Schema.infer(pd.DataFrame({"a": [1, 1, 1], "b": [None] * 3}))


def test_schema_survives_json():
    frame = pd.DataFrame(
        {
            "n": NUMBERS,
            "e": [f"{i},5" for i in range(N)],
            "c": cycled("x", "y"),
            "d": [f"{1 + i % 28}.3.2020" for i in range(N)],
            "same": 1,
        }
    )
    schema = Schema.infer(frame)
    assert schema.columns[1].decimal == ","
    assert Schema.from_json(json.loads(json.dumps(schema.to_json()))) == schema
    assert not Schema.from_json(Schema.infer(frame[["n"]].to_numpy()).to_json()).named


class TestAlign:
    frame = pd.DataFrame({"a": NUMBERS, "b": cycled("x", "y"), "same": 1})
    schema = Schema.infer(frame)

    def test_any_order_and_extra_columns(self):
        table = self.frame[["b", "same", "a"]].assign(new=1)
        aligned, (note,) = self.schema.align(table)
        assert list(aligned) == ["a", "b"]
        assert "Ignored 1 column" in note
        assert "'new'" in note

    def test_dropped_columns_need_not_be_there(self):
        aligned, notes = self.schema.align(self.frame[["a", "b"]])
        assert list(aligned) == ["a", "b"]
        assert notes == []

    def test_missing_columns_are_named_with_the_nearest(self):
        with pytest.raises(DataError, match=r"1 column of them is missing: 'a'.*'A'\?"):
            self.schema.align(self.frame.rename(columns={"a": "A"}))
        with pytest.raises(DataError, match=r"2 columns of them are missing: 'a', 'b'"):
            self.schema.align(self.frame[["same"]])

    def test_arrays_are_aligned_by_position(self):
        schema = Schema.infer(np.stack([NUMBERS, NUMBERS**2], axis=1))
        table = pd.DataFrame({"q": [1.0], "p": [2.0]})
        assert schema.align(table)[0].to_dict("list") == {"x0": [1.0], "x1": [2.0]}
        by_name = pd.DataFrame({"x1": [2.0], "x0": [1.0]})
        assert schema.align(by_name)[0].to_dict("list") == {"x0": [1.0], "x1": [2.0]}
        with pytest.raises(
            DataError, match="X has 1 features, but M is expecting 2 fea"
        ):
            schema.align(np.ones((3, 1)), owner="M")


class TestAsFrame:
    def test_arrays_and_rows(self):
        assert list(as_frame(np.ones((2, 3)))) == ["x0", "x1", "x2"]
        frame = as_frame([[1, "a"], [2.5, "b"]])
        assert frame["x0"].tolist() == [1, 2.5]
        assert pd.api.types.is_numeric_dtype(frame["x0"])

    def test_structured_arrays_and_whatever_becomes_pandas(self):
        import pyarrow as pa

        records = np.array([(1, 2.0)], dtype=[("a", int), ("b", float)])
        assert list(as_frame(records)) == ["a", "b"]
        assert list(as_frame(pa.table({"a": [1], "b": ["x"]}))) == ["a", "b"]

    def test_the_callers_frame_is_not_changed(self):
        frame = pd.DataFrame({1: [1.0, 2.0]}, index=[5, 6])
        assert list(as_frame(frame)) == ["1"]
        assert list(frame) == [1]
        assert list(frame.index) == [5, 6]

    @pytest.mark.parametrize(
        ("X", "error", "said"),
        [
            (np.ones(3), DataError, "Reshape your data"),
            ([[1, 2], [3]], DataError, "Reshape your data"),
            (pd.Series([1, 2]), DataError, "Reshape your data"),
            (np.ones((2, 2, 2)), DataError, "2D array"),
            (np.empty((0, 3)), DataError, r"0 sample\(s\)"),
            (np.empty((3, 0)), DataError, r"0 feature\(s\) \(shape=\(3, 0\)\) while a"),
            (np.ones((2, 2), complex), DataError, "Complex data not supported"),
            (pd.DataFrame([[1, 2]], columns=["a", "a"]), DataError, "called 'a'"),
            (pd.DataFrame([[1, 2]], columns=[1, "1"]), DataError, "called '1'"),
        ],
    )
    def test_what_is_no_table(self, X, error, said):
        with pytest.raises(error, match=said):
            as_frame(X)

    def test_sparse_containers(self):
        from scipy import sparse

        dense = np.eye(3)
        for matrix in (sparse.csr_array(dense), sparse.coo_matrix(dense)):
            with pytest.raises(WrongType, match="Sparse data is not supported"):
                as_frame(matrix)
        with pytest.raises(WrongType, match="Sparse data is not supported"):
            as_frame(pd.DataFrame({"a": pd.arrays.SparseArray([0, 1])}))
