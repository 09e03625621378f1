"""Dates that are written as text, and the parts of a date that a network can read.

`2024-03-09`, `2024/3/9 14:05`, `2024-03-09T14:05:00+01:00` and, where the year comes
last, `09.03.2024` and `3/9/2024`. The time is taken as the clock showed it: an offset
from UTC is ignored, because the hour of the day and the weekday are what repeats.
"""

import re
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from jaxtyping import Float

Order: TypeAlias = Literal["ymd", "mdy", "dmy"]
PARTS = ("year", "month", "day", "weekday", "hour", "elapsed")

_SEP = "[-/.]"
_TIME = (
    r"(?:[T ]\s*(?P<H>\d{1,2}):(?P<M>\d{2})(?::(?P<S>\d{2}(?:\.\d+)?))?"
    r"\s*(?P<half>[AaPp][Mm])?"
    r"\s*(?:Z|UTC|[+-]\d{2}:?\d{2})?)?"
)
_PATTERNS: dict[Order, re.Pattern[str]] = {
    "ymd": re.compile(
        rf"(?P<y>\d{{4}}){_SEP}(?P<m>\d{{1,2}}){_SEP}(?P<d>\d{{1,2}}){_TIME}"
    ),
    "mdy": re.compile(
        rf"(?P<m>\d{{1,2}}){_SEP}(?P<d>\d{{1,2}}){_SEP}(?P<y>\d{{4}}){_TIME}"
    ),
    "dmy": re.compile(
        rf"(?P<d>\d{{1,2}}){_SEP}(?P<m>\d{{1,2}}){_SEP}(?P<y>\d{{4}}){_TIME}"
    ),
}


def date_order(texts: Sequence[Any]) -> tuple[Order, bool] | None:
    """How day, month and year follow one another, and whether that is certain.

    `None` if too few of the first texts look like dates for a closer look to pay.
    """
    head = [text.strip() for text in texts[:200] if isinstance(text, str)]
    if (
        sum(_PATTERNS["ymd"].fullmatch(text) is not None for text in head)
        > len(head) // 2
    ):
        return "ymd", True
    if (
        sum(_PATTERNS["dmy"].fullmatch(text) is not None for text in head)
        <= len(head) // 2
    ):
        return None
    late = [_PATTERNS["dmy"].fullmatch(t.strip()) for t in texts if isinstance(t, str)]
    pairs = [(int(match["d"]), int(match["m"])) for match in late if match]
    if any(first > 12 for first, _ in pairs):
        return "dmy", True
    if any(second > 12 for _, second in pairs):
        return "mdy", True
    return ("dmy" if "." in head[0] else "mdy"), False


def parse_dates(texts: Sequence[Any], order: Order) -> Any:
    """A `DatetimeIndex` of the texts, `NaT` where one is no date in the calendar."""
    import pandas as pd

    fields = np.full((len(texts), 6), np.nan)
    pattern = _PATTERNS[order]
    for i, text in enumerate(texts):
        match = pattern.fullmatch(text.strip()) if isinstance(text, str) else None
        if match:
            hour = int(match["H"] or 0)
            if match["half"]:
                hour = hour % 12 + (12 if match["half"].lower() == "pm" else 0)
            fields[i] = (
                *(int(match[name]) for name in "ymd"),
                *(hour, int(match["M"] or 0), float(match["S"] or 0.0)),
            )
    fields[(fields[:, 3] > 23) | (fields[:, 4] > 59) | (fields[:, 5] >= 61)] = np.nan
    days = pd.to_datetime(
        pd.DataFrame(fields[:, :3], columns=["year", "month", "day"]), errors="coerce"
    )
    seconds = fields[:, 3] * 3600 + fields[:, 4] * 60 + np.minimum(fields[:, 5], 59.999)
    return pd.DatetimeIndex(days + pd.to_timedelta(seconds, unit="s").round("ms"))


def date_part(dates: Any, part: str) -> Float[np.ndarray, "n"]:
    """One of `PARTS` of a `DatetimeIndex`, NaN where the date is missing.

    `elapsed` counts days since 1970 with the time of the day as their fraction.
    """
    if part == "elapsed":
        stamps = dates.to_numpy().astype("datetime64[ms]")
        days = stamps.astype(np.int64) / 86_400_000.0
        return np.where(np.isnat(stamps), np.nan, days)
    attribute = "day_of_week" if part == "weekday" else part
    return np.asarray(getattr(dates, attribute), dtype=float)
