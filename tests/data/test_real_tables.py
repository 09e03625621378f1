"""Real tables: tasks, kinds and arrays of each; and what `load_table` says of them."""

import json

import numpy as np
import pandas as pd
import pytest

from thalweg.core.errors import DataError, InvalidInput
from thalweg.data import Preprocessor, load_table, read_table

FRAME = pd.DataFrame(
    {
        "size": [30.0, 45.0, 60.0, np.nan, 80.0, 95.0] * 5,
        "city": ["Ulm", "Bonn", "Ulm", "Köln", None, "Bonn"] * 5,
        "new": [True, False] * 15,
        "same": 1,
        "rent": np.linspace(400, 1400, 30).round() + 0.5,
    }
)


def test_all_real_tables(shared_data):
    described = json.loads((shared_data / "tabular" / "metadata.json").read_text())
    assert len(described) == 34
    for about in described:
        path = shared_data / "tabular" / f"{about['name']}.csv.gz"
        table = load_table(path, "target")
        assert table.task == about["task"], about["name"]
        assert len(table) == about["rows"], about["name"]
        assert table.frame.shape[1] == about["features"], about["name"]
        check_kinds(table, set(about["categorical_columns"]), about["name"])
        check_arrays(table)
        if table.classes is not None:
            assert [str(label) for label in table.classes.labels] == sorted(
                about["classes"], key=table.classes.labels.dtype.type
            )


def check_kinds(table, described, name):
    """Text columns that are described as categories are; no other column is."""
    kinds = {column.name: column.kind for column in table.schema.columns}
    found = {n for n, kind in kinds.items() if kind in ("categorical", "boolean")}
    assert found <= described, name
    for column in described - found:
        nominal = pd.api.types.is_numeric_dtype(table.frame[column])
        assert nominal or kinds[column] in ("date", "dropped"), (name, column)


def check_arrays(table):
    rows = np.arange(len(table)) % 4 > 0
    fitted = Preprocessor.fit(table.frame, table.schema, rows)
    arrays = fitted.transform(table.frame)
    assert np.isfinite(arrays["numeric"]).all()
    codes, cardinalities = arrays["categorical"], np.array(fitted.cardinalities)
    assert (codes >= 0).all()
    assert (codes < cardinalities).all()
    record, state = fitted.to_state()
    again = Preprocessor.from_state(json.loads(json.dumps(record)), state)
    for name, array in again.transform(table.frame).items():
        np.testing.assert_array_equal(array, arrays[name])
    json.dumps(table.summary(), allow_nan=False)


def test_a_file_a_frame_and_arrays_give_the_same_table(tmp_path):
    FRAME.to_csv(tmp_path / "t.csv", index=False)
    FRAME.to_parquet(tmp_path / "t.parquet")
    features = FRAME.drop(columns="rent")
    tables = [
        load_table(tmp_path / "t.csv", "rent"),
        load_table(str(tmp_path / "t.parquet"), "rent"),
        load_table(FRAME, "rent"),
        load_table(features, FRAME["rent"]),
    ]
    for table in tables:
        assert table.task == "regression"
        assert table.target_name == "rent"
        np.testing.assert_array_equal(table.target, FRAME["rent"])
        assert table.schema == tables[0].schema
        assert table.notes == tables[0].notes


def test_repairs_of_the_file_come_first_among_the_notes(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(FRAME.to_csv(index=False).encode("latin-1"))
    notes = load_table(path, "rent").notes
    assert "isn't UTF-8" in notes[0]
    assert "Task: regression" in notes[1]
    assert "'same'" in notes[2]


def test_columns_of_arrays_are_found_by_position_later():
    table = load_table(FRAME[["size"]].to_numpy(), FRAME["rent"])
    assert not table.schema.named
    aligned, _ = table.schema.align(FRAME[["size"]])
    assert list(aligned) == ["x0"]


def test_rows_without_a_target_are_left_out():
    frame = FRAME.copy()
    frame.loc[[0, 7], "rent"] = np.nan
    table = load_table(frame, "rent")
    assert len(table) == len(table.target) == 28
    assert table.rows.tolist() == [i for i in range(30) if i not in (0, 7)]
    assert table.frame["size"].iloc[0] == 45
    assert any("Left out 2 rows" in note for note in table.notes)


def test_the_summary_is_for_a_report():
    summary = load_table(FRAME, "rent").summary()
    assert summary["rows"] == 30
    assert summary["kinds"] == {
        "numeric": 1,
        "categorical": 1,
        "boolean": 1,
        "date": 0,
        "dropped": 1,
    }
    size, city, new = summary["columns"]
    assert size == {"name": "size", "kind": "numeric", "missing": 5 / 30}
    assert city == {
        "name": "city",
        "kind": "categorical",
        "missing": 5 / 30,
        "levels": 3,
    }
    assert new["missing"] == 0
    assert summary["dropped"] == {"same": "constant"}
    assert sum(summary["target"]["histogram"]["counts"]) == 30
    by_city = load_table(FRAME, "city").summary()["target"]
    assert by_city["task"] == "classification"
    assert by_city["classes"][0] == {"class": "Bonn", "rows": 10}


@pytest.mark.parametrize(
    ("source", "target", "task", "error", "said"),
    [
        (FRAME, "Rent", None, DataError, r"no 'Rent'. Did you mean 'rent'\?"),
        (FRAME, "x", None, DataError, "Columns: size, city, new, same, rent"),
        (FRAME[["rent"]], "rent", None, DataError, "columns besides the target"),
        (FRAME.iloc[:1], "rent", None, DataError, "1 sample"),
        (FRAME, "same", None, DataError, "must vary|one class"),
        (FRAME.assign(y=None), "y", None, DataError, "are missing"),
        (FRAME, np.ones(29), None, DataError, "inconsistent numbers of samples"),
        (FRAME, None, None, DataError, "the target y is None"),
        (FRAME, "rent", "rank", InvalidInput, "'classification' or 'regression'"),
        (FRAME, "rent", "classification", DataError, "continuous"),
        (FRAME[["same", "rent"]], "rent", None, DataError, "none does"),
        (FRAME.assign(tags=[[1, 2]] * 30), "rent", None, DataError, "column 'tags'"),
    ],
)
def test_what_can_not_be_learnt_from_is_one_sentence(source, target, task, error, said):
    with pytest.raises(error, match=said) as caught:
        load_table(source, target, task)
    assert "\n" not in str(caught.value)


def test_wide_files(tmp_path):
    wide = pd.DataFrame(np.random.default_rng(0).normal(size=(20, 10_000)))
    wide.add_prefix("c").to_csv(tmp_path / "wide.csv", index=False)
    frame = read_table(tmp_path / "wide.csv").frame
    assert frame.shape == (20, 10_000)
    assert len(load_table(frame, "c7").schema.used) == 9_999


def test_importing_the_room_loads_nothing_heavy():
    import subprocess
    import sys

    heavy = ("pandas", "sklearn", "scipy", "pyarrow", "jax", "equinox")
    code = f"import sys, thalweg.data; print([m for m in {heavy} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout.strip() == "[]", run.stderr
