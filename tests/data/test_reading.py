"""Files as people have them: read, repaired and stated, or refused in a sentence."""

import gzip
import os

import numpy as np
import pandas as pd
import pytest

from thalweg.core.errors import DataError
from thalweg.data import read_table

FRAME = pd.DataFrame(
    {"age": [31, 42, 53], "city": ["Ulm", "Köln", "Bonn"], "rent": [1.5, np.nan, 2.5]}
)


def written(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".tsv", ".txt", ".parquet"])
def test_every_format_gives_the_same_table(tmp_path, suffix):
    path = tmp_path / f"t{suffix}"
    if suffix == ".parquet":
        FRAME.to_parquet(path)
    else:
        FRAME.to_csv(path, index=False, sep="\t" if suffix == ".tsv" else ",")
    frame, notes = read_table(path)
    pd.testing.assert_frame_equal(frame, FRAME)
    assert notes == []


def test_gzipped_parquet_and_gzip_without_the_suffix(tmp_path):
    FRAME.to_parquet(tmp_path / "t.parquet")
    packed = gzip.compress((tmp_path / "t.parquet").read_bytes())
    (tmp_path / "u.parquet.gz").write_bytes(packed)
    pd.testing.assert_frame_equal(read_table(tmp_path / "u.parquet.gz").frame, FRAME)
    FRAME.to_csv(tmp_path / "v.csv.gz", index=False)
    (tmp_path / "v.csv.gz").rename(tmp_path / "v.csv")
    pd.testing.assert_frame_equal(read_table(tmp_path / "v.csv").frame, FRAME)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("suffix", [".csv", ".txt"])
def test_the_delimiter_is_found(tmp_path, delimiter, suffix):
    text = FRAME.assign(note=["a, b", "c; d", "e"]).to_csv(sep=delimiter, index=False)
    frame = read_table(written(tmp_path / f"t{suffix}", text)).frame
    assert list(frame.columns) == ["age", "city", "rent", "note"]
    assert list(frame["note"]) == ["a, b", "c; d", "e"]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_any_line_ending_and_blank_first_lines(tmp_path, newline):
    text = "\n\na,b\n1,2\n3,4\n".replace("\n", newline)
    frame = read_table(written(tmp_path / "t.csv", text)).frame
    assert frame.to_dict("list") == {"a": [1, 3], "b": [2, 4]}


def test_one_column_needs_no_delimiter(tmp_path):
    frame = read_table(written(tmp_path / "t.csv", "price\n1\n2\n")).frame
    assert list(frame.columns) == ["price"]
    assert list(frame["price"]) == [1, 2]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_byte_order_marks_are_no_part_of_the_first_name(tmp_path, encoding):
    path = written(tmp_path / "t.csv", FRAME.to_csv(index=False), encoding)
    frame, notes = read_table(path)
    pd.testing.assert_frame_equal(frame, FRAME)
    assert notes == []


def test_other_encodings_are_repaired_and_say_where(tmp_path):
    path = written(tmp_path / "t.csv", FRAME.to_csv(index=False), "latin-1")
    frame, (note,) = read_table(path)
    assert list(frame["city"]) == ["Ulm", "Köln", "Bonn"]
    assert "line 3" in note
    assert "0xF6" in note


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        (" \n\n", "is empty"),
        ("a,b\n", "only a header"),
        ("5.1,3.5,1.4,Iris-setosa\n4.9,3.0,1.3,Iris-setosa\n", "holds numbers"),
        ("1,7,3\n4,5,6\n", "holds numbers"),
        ("a,b,a\n1,2,3\n", "called 'a'"),
        (",,\n1,2,3\n", "name the columns"),
        ("a,b\n1,2,3\n4,5,6\n", "as many fields as the header"),
        ("a,b\n1,2\n1,2,3\n4,5\n", "line 3"),
        ('a,b\n1,"2\n3,4\n', "told apart"),
        ('"' + "a" * 140_000 + ",b\n1,2\n", "an open quote"),
        ("a,b\n1,\x002\n", "isn't text"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, text, said):
    path = written(tmp_path / "t.csv", text)
    with pytest.raises(DataError, match=said) as caught:
        read_table(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "header", ["0,1,2", "1990,2000,2010", "id,2019,2021", "1st,2nd,x"]
)
def test_numbers_that_name_columns_are_names(tmp_path, header):
    frame = read_table(written(tmp_path / "t.csv", f"{header}\n7,8,9\n5,3,1\n")).frame
    assert list(frame.columns) == header.split(",")


def test_a_missing_file_suggests_the_nearest(tmp_path):
    written(tmp_path / "train.csv", "a,b\n1,2\n")
    with pytest.raises(DataError, match=r"No such file.*Did you mean .*train\.csv"):
        read_table(tmp_path / "trian.csv")
    with pytest.raises(DataError, match="no folder"):
        read_table(tmp_path / "nowhere" / "train.csv")
    with pytest.raises(DataError, match="not a folder"):
        read_table(tmp_path / "train.csv" / "x.csv")


def test_a_folder_lists_its_tables(tmp_path):
    written(tmp_path / "train.csv", "a,b\n1,2\n")
    with pytest.raises(DataError, match=r"is a folder. It holds train\.csv"):
        read_table(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_an_unreadable_file_says_so(tmp_path):
    path = written(tmp_path / "t.csv", "a,b\n1,2\n")
    path.chmod(0)
    with pytest.raises(DataError, match="may not be read"):
        read_table(path)


def test_a_file_that_the_system_refuses(tmp_path, monkeypatch):
    path = written(tmp_path / "t.csv", "a,b\n1,2\n")

    def refuse(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "read_bytes", refuse)
    with pytest.raises(DataError, match="may not be read"):
        read_table(path)


@pytest.mark.parametrize(
    ("name", "raw", "said"),
    [
        (
            "t.csv.gz",
            gzip.compress(b"a,b\n" + b"1,2\n" * 99, mtime=0)[:-12],
            "damaged gzip",
        ),
        ("t.csv.gz", b"\x1f\x8b" + b"\x00" * 40, "damaged gzip"),
        ("t.parquet", b"PAR1" + b"\x07" * 40 + b"PAR1", "damaged Parquet"),
        ("t.parquet", b"a,b\n1,2\n", "damaged Parquet"),
        ("t.csv", b"PK\x03\x04" + b"\x00" * 40, "Excel"),
        ("t.csv", bytes(range(256)) * 8, "isn't text"),
    ],
)
def test_damaged_files_are_refused(tmp_path, name, raw, said):
    (tmp_path / name).write_bytes(raw)
    with pytest.raises(DataError, match=said):
        read_table(tmp_path / name)


def test_parquet_keeps_a_named_index_and_drops_a_nameless_one(tmp_path):
    FRAME.set_index("city").to_parquet(tmp_path / "t.parquet")
    assert set(read_table(tmp_path / "t.parquet").frame) == set(FRAME)
    FRAME[FRAME["age"] > 40].to_parquet(tmp_path / "u.parquet")
    assert list(read_table(tmp_path / "u.parquet").frame) == list(FRAME)


def test_the_file_is_not_touched(tmp_path):
    path = written(tmp_path / "t.csv", FRAME.to_csv(index=False), "latin-1")
    before = path.read_bytes(), path.stat().st_mtime_ns
    read_table(path)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert [p.name for p in tmp_path.iterdir()] == ["t.csv"]
