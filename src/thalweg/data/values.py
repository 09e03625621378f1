"""Read the cells of a column as its kind says: numbers, booleans, dates or levels.

The same functions serve the table that is learnt from and every later one, so a column
that comes back with another dtype (numbers as text, dates as text) is read all the
same.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int

from thalweg.data.dates import Order, parse_dates
from thalweg.data.frames import refuse_nested
from thalweg.data.numbers import Decimal, parse_numbers

if TYPE_CHECKING:
    import pandas as pd

_TRUTH = {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0}


def is_plain(dtype: Any) -> bool:
    """Whether a dtype is numeric and not boolean, so that nothing has to be parsed."""
    import pandas as pd

    return pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(
        dtype
    )


def factorized(series: "pd.Series") -> tuple[Int[np.ndarray, "n"], list[Any]]:
    """Each cell's position among the distinct values; -1 where it is missing."""
    import pandas as pd

    if isinstance(series.dtype, pd.CategoricalDtype):
        return series.cat.codes.to_numpy().astype(np.int64), list(series.cat.categories)
    if series.dtype == object or isinstance(series.dtype, pd.ArrowDtype):
        series = series.astype(object)
        refuse_nested(str(series.name), series.array)
    codes, values = pd.factorize(series)
    return codes.astype(np.int64), list(values)


def numbers(series: "pd.Series", decimal: Decimal = ".") -> Float[np.ndarray, "n"]:
    """Cells as numbers, text parsed, NaN where there is none."""
    import pandas as pd

    if pd.api.types.is_timedelta64_dtype(series.dtype):
        return (series / pd.Timedelta(days=1)).to_numpy(dtype=float)
    if is_plain(series.dtype) or pd.api.types.is_bool_dtype(series.dtype):
        return series.to_numpy(dtype=float, na_value=np.nan)
    if pd.api.types.is_datetime64_any_dtype(series.dtype):
        return np.full(len(series), np.nan)
    codes, values = factorized(series)
    return _spread(parse_numbers(values, decimal), codes)


def booleans(series: "pd.Series") -> Float[np.ndarray, "n"]:
    """1 for true, 0 for false, NaN for anything else."""
    codes, values = factorized(series)
    table = [_TRUTH.get(level_text(value).lower(), np.nan) for value in values]
    return _spread(np.array(table, dtype=float), codes)


def dates(series: "pd.Series", order: Order = "ymd") -> Any:
    """A `DatetimeIndex` of the cells, `NaT` where there is no date."""
    import pandas as pd

    if isinstance(series.dtype, pd.PeriodDtype):
        series = series.dt.to_timestamp()
    if pd.api.types.is_datetime64_any_dtype(series.dtype):
        index = pd.DatetimeIndex(series)
        return index.tz_localize(None) if index.tz is not None else index
    codes, values = factorized(series)
    # a missing cell has code -1: it takes the NaT at the end
    return parse_dates([*map(date_text, values), ""], order).take(codes)


def date_text(value: Any) -> str:
    """What `parse_dates` reads: date and datetime objects print themselves as ISO."""
    return value if isinstance(value, str) else str(value)


def level_text(value: Any) -> str:
    """One text per level: the same for 3, 3.0, "3" and " 3 ", which files confuse."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    text = str(value).strip()
    head, point, tail = text.partition(".")
    if point and tail.strip("0") == "" and tail and head.lstrip("-").isdigit():
        return head
    return text


def level_codes(series: "pd.Series") -> tuple[Int[np.ndarray, "n"], list[str]]:
    """As `factorized`, with levels as text; empty text counts as missing."""
    codes, values = factorized(series)
    position: dict[str, int] = {}
    table = np.array(
        [
            position.setdefault(text, len(position)) if text else -1
            for text in map(level_text, values)
        ]
        + [-1],
        dtype=np.int64,
    )
    return table[codes], list(position)


def _spread(table: Float[np.ndarray, "k"], codes: Int[np.ndarray, "n"]) -> np.ndarray:
    return np.append(table, np.nan)[codes]  # -1, a missing cell, takes the NaN


def matrix(frame: "pd.DataFrame", names: list[str]) -> Float[np.ndarray, "n d"]:
    """Columns of numeric dtypes as one matrix, missing and infinite cells NaN."""
    x = frame[names].to_numpy(dtype=float, na_value=np.nan)
    infinite = np.isinf(x)
    return np.where(infinite, np.nan, x) if infinite.any() else x
