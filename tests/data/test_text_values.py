"""Numbers and dates that are written as text."""

import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thalweg.data.dates import date_order, date_part, parse_dates
from thalweg.data.numbers import decimal_sign, parse_numbers
from thalweg.data.values import booleans, level_codes, level_text, numbers

# pandas before 3.0 holds nanoseconds: no date outside of these years
EARLY, LATE = datetime.datetime(1700, 1, 1), datetime.datetime(2260, 1, 1)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12.0),
        (" 1.5e3 ", 1500.0),
        ("1,234", 1234.0),
        ("1,234,567.5", 1234567.5),
        ("$5", 5.0),
        ("-$1,000", -1000.0),
        ("12.5 %", 12.5),
        ("<0.1", 0.1),
        (">= 7", 7.0),
        ("1 234", 1234.0),
        ("€ 3.50", 3.5),
        (".5", 0.5),
        ("abc", np.nan),
        ("1.2.3", np.nan),
        ("1,23,4", np.nan),
        ("5 kg", np.nan),
        ("1_000", np.nan),
        ("2024-01-01", np.nan),
        ("", np.nan),
        (None, np.nan),
        (3, 3.0),
    ],
)
def test_numbers_are_undressed(text, value):
    np.testing.assert_equal(parse_numbers([text])[0], value)


def test_a_decimal_comma_is_seen_from_the_whole_column():
    assert decimal_sign(["1,5", "1.234,5", "7"]) == ","
    assert decimal_sign(["1,234", "5,678,901"]) == "."
    assert decimal_sign(["a,b", "x"]) == "."
    np.testing.assert_equal(
        parse_numbers(["1,5", "1.234,5", "7", "1,234"], ","), [1.5, 1234.5, 7, 1.234]
    )


@given(st.lists(st.floats(allow_infinity=False, width=64), min_size=1, max_size=20))
def test_numbers_survive_being_written(values):
    series = pd.Series([str(v) for v in values], dtype=object)
    np.testing.assert_array_equal(numbers(series), values)


@given(
    st.lists(st.datetimes(EARLY, LATE), min_size=1, max_size=10),
    st.sampled_from(["%Y-%m-%d %H:%M:%S", "%d.%m.%Y %H:%M:%S", "%m/%d/%Y %I:%M:%S %p"]),
)
def test_dates_survive_being_written(dates, form):
    dates = [d.replace(microsecond=0) for d in dates]
    order = {"%Y": "ymd", "%d": "dmy", "%m": "mdy"}[form[:2]]
    parsed = parse_dates([d.strftime(form) for d in dates], order)
    assert list(parsed) == [pd.Timestamp(d) for d in dates]


def test_what_the_calendar_lacks_is_no_date():
    parsed = parse_dates(["2023-02-30", "2023-13-01", "2023-01-01 25:00", "x"], "ymd")
    assert parsed.isna().all()


def test_the_clock_counts_not_the_offset():
    (date,) = parse_dates(["2024-03-09T23:30:00+05:00"], "ymd")
    assert (date.day, date.hour) == (9, 23)


def test_the_order_of_day_and_month():
    assert date_order(["2024-01-02"]) == ("ymd", True)
    assert date_order(["01/02/2024", "13/02/2024"]) == ("dmy", True)
    assert date_order(["01/02/2024", "02/13/2024"]) == ("mdy", True)
    assert date_order(["01.02.2024"]) == ("dmy", False)
    assert date_order(["01/02/2024"]) == ("mdy", False)
    assert date_order(["red", "green"]) is None


def test_parts_of_dates():
    dates = pd.DatetimeIndex(["1970-01-02 06:00", "2024-02-29", None])
    assert date_part(dates, "elapsed")[0] == 1.25
    assert date_part(dates, "weekday")[1] == 3
    assert date_part(dates, "hour")[0] == 6
    for part in ("year", "elapsed", "hour"):
        assert np.isnan(date_part(dates, part)[2])


def test_levels_are_the_same_whatever_type_a_file_gave_them():
    assert {level_text(v) for v in (3, 3.0, "3", " 3 ", "3.0", np.int8(3))} == {"3"}
    assert level_text("v1.0") == "v1.0"
    assert level_text("-2.00") == "-2"
    assert level_text(True) == level_text(np.bool_(True)) == "True"
    codes, names = level_codes(pd.Series(["a", " a", "", None, "b"], dtype=object))
    assert codes.tolist() == [0, 0, -1, -1, 1]
    assert names == ["a", "b"]


def test_booleans_of_any_spelling():
    series = pd.Series([True, "TRUE", "false", 0, 1.0, None, "maybe"], dtype=object)
    np.testing.assert_equal(booleans(series), [1, 1, 0, 0, 1, np.nan, np.nan])
