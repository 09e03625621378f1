"""What a column is: its kind, how its cells are written, or why it is of no use."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from jaxtyping import Int

from thalweg.data import values
from thalweg.data.dates import PARTS, Order, date_order, date_part, parse_dates
from thalweg.data.numbers import MISSING_WORDS, Decimal, decimal_sign, parse_numbers

if TYPE_CHECKING:
    import pandas as pd

Kind: TypeAlias = Literal["numeric", "categorical", "boolean", "date", "dropped"]

HUGE = 1e30  # numbers beyond are taken for errors of measurement or export
_NUMBER_SHARE = 0.9  # of the cells that hold something
_DATE_SHARE = 0.95
_REPEATED_SHARE = 0.05  # fewer cells with a value that occurs twice: an identifier
_INDEX_NAMES = frozenset(["", "id", "index", "row", "rownames", "row_id", "rowid"])


@dataclass(frozen=True)
class Column:
    """One column of the training table; `reason` says why it was dropped."""

    name: str
    kind: Kind
    decimal: Decimal = "."
    order: Order = "ymd"
    parts: tuple[str, ...] = ()  # of a date: those that vary
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """Only what differs from the defaults, so that wide tables stay small."""
        record: dict[str, Any] = {"name": self.name, "kind": self.kind}
        default = Column(self.name, self.kind)
        for field in ("decimal", "order", "reason"):
            if getattr(self, field) != getattr(default, field):
                record[field] = getattr(self, field)
        if self.parts:
            record["parts"] = list(self.parts)
        return record

    @staticmethod
    def from_json(record: dict[str, Any]) -> "Column":
        return Column(**{**record, "parts": tuple(record.get("parts", ()))})


@dataclass(frozen=True)
class Finding:
    """A column with what has to be said about it: (topic, share or example) pairs."""

    column: Column
    topics: tuple[tuple[str, str], ...] = ()


def dropped(name: str, reason: str) -> Finding:
    return Finding(Column(name, "dropped", reason=reason))


def infer_column(series: "pd.Series", *, categorical: bool = False) -> Finding:
    """The kind of a column whose dtype alone does not settle it."""
    import pandas as pd

    name = str(series.name)
    dtype = series.dtype
    if pd.api.types.is_datetime64_any_dtype(dtype) or isinstance(dtype, pd.PeriodDtype):
        return _date(name, values.dates(series), "ymd")
    if pd.api.types.is_timedelta64_dtype(dtype):
        series = pd.Series(values.numbers(series), name=name)
    if may_be_index(name) and is_index(series):
        return dropped(name, "row number")
    codes, distinct = values.factorized(series)
    present = codes >= 0
    counts = np.bincount(codes[present], minlength=len(distinct))
    kept = np.flatnonzero(counts)
    if len(kept) == 0:
        return dropped(name, "no value")
    if len(kept) == 1 and present.all():
        return dropped(name, "constant")
    if categorical or isinstance(dtype, pd.CategoricalDtype):
        return Finding(Column(name, "categorical"))
    if values.is_plain(series.dtype):
        return Finding(Column(name, "numeric"))
    return _infer_text(name, distinct, counts, codes)


def may_be_index(name: str) -> bool:
    """Whether a column is called as exported row numbers are."""
    name = name.strip().lower()
    return name in _INDEX_NAMES or name.startswith("unnamed:")


def is_index(series: "pd.Series") -> bool:
    """Whether a column only numbers the rows."""
    if not values.is_plain(series.dtype) or len(series) < 3:
        return False
    steps = np.diff(series.to_numpy(dtype=float, na_value=np.nan))
    return bool((steps == 1).all())


def _infer_text(
    name: str, distinct: list[Any], counts: Int[np.ndarray, "k"], codes: np.ndarray
) -> Finding:
    texts = [values.level_text(value) for value in distinct]
    if {text.lower() for text in texts} <= {"true", "false"}:
        return Finding(Column(name, "boolean"))
    if any(character.isdigit() for text in texts[:1000] for character in text):
        numeric = _as_numbers(name, distinct, texts, counts)
        if numeric is not None:
            return numeric
        date = _as_dates(name, distinct, counts, codes)
        if date is not None:
            return date
    repeated = counts[counts > 1].sum() / counts.sum()
    if (counts <= 1).all() and len(counts) > 2:
        return dropped(name, "all different")
    if repeated < _REPEATED_SHARE and counts.sum() >= 20:
        return dropped(name, "nearly all different")
    return Finding(Column(name, "categorical"))


def _as_numbers(
    name: str, distinct: list[Any], texts: list[str], counts: Int[np.ndarray, "k"]
) -> Finding | None:
    """A numeric column, if nearly all cells are numbers that don't look like codes."""
    decimal = decimal_sign(distinct)
    numbers = parse_numbers(distinct, decimal)
    parsed = ~np.isnan(numbers)
    word = np.array([text.lower() in MISSING_WORDS for text in texts])
    other = ~parsed & ~word
    total = counts[~word].sum()
    if not parsed.any() or counts[parsed].sum() < _NUMBER_SHARE * total:
        return None
    if other.any() and parsed.sum() <= 10:  # 1, 2, 3, U: codes
        return None
    if any(_zero_padded(text) for text in texts):  # 007, 01234: codes
        return None
    if (
        len(np.unique(numbers[parsed & np.isfinite(numbers)])) == 1
        and not (other | word).any()
    ):
        return dropped(name, "constant")
    topics = []
    if other.any():
        example = texts[int(np.flatnonzero(other)[0])]
        topics.append(
            ("text", f"{name!r} ({counts[other].sum():,}, such as {example!r})")
        )
    if np.isinf(numbers).any():
        topics.append(("infinite", repr(name)))
    finite = numbers[np.isfinite(numbers)]
    if (np.abs(finite) > HUGE).any():
        topics.append(("huge", repr(name)))
    return Finding(Column(name, "numeric", decimal=decimal), tuple(topics))


def _as_dates(
    name: str, distinct: list[Any], counts: Int[np.ndarray, "k"], codes: np.ndarray
) -> Finding | None:
    texts = [values.date_text(value) for value in distinct]
    found = date_order(texts)
    if found is None:
        return None
    order, certain = found
    parsed = parse_dates([*texts, ""], order)
    share = counts[~np.isnat(parsed.to_numpy()[:-1])].sum() / counts.sum()
    if share < _DATE_SHARE:
        return None
    return _date(name, parsed.take(codes), order, certain=certain)


def _zero_padded(text: str) -> bool:
    return len(text) > 1 and text[0] == "0" and text.isdigit()


def _date(name: str, dates: Any, order: Order, *, certain: bool = True) -> Finding:
    present = ~np.isnat(dates.to_numpy())
    if not present.any():
        return dropped(name, "no value")
    parts = []
    for part in PARTS:
        value = date_part(dates, part)[present]
        if value.min() != value.max():
            parts.append(part)
    if not parts and present.all():
        return dropped(name, "constant")
    topics = () if certain else (("ambiguous date", f"{name!r} ({order})"),)
    return Finding(
        Column(name, "date", order=order, parts=tuple(parts) or PARTS[:1]), topics
    )
