"""Numbers that are written as text: "1,234", "$5", "<0.1", "12 %", "1.234,5".

A sign of comparison, a currency sign and a percent sign around a number are dropped,
and thousands' separators are removed. What is still no number becomes NaN.
"""

import re
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from jaxtyping import Float

Decimal: TypeAlias = Literal[".", ","]

# what people write into a column of numbers where there is none
MISSING_WORDS = frozenset(
    ["", "?", "-", "--", ".", "na", "n/a", "#n/a", "<na>", "nan", "nat", "nil", "none"]
) | {"null", "missing", "unknown"}

_CURRENCY = "[$€£¥]"
_DRESSED = re.compile(
    rf"(?:[<>]=?|[≤≥~≈])?\s*(?P<sign>[-+]?)\s*{_CURRENCY}?\s*"
    r"(?P<body>[-+]?(?:\d[\d.,]*|\.\d+|\d{1,3}(?:[ '\u00a0\u202f]\d{3})+(?:[.,]\d+)?)"
    rf"(?:[eE][-+]?\d+)?)\s*(?:%|{_CURRENCY})?"
)
_THOUSANDS = {
    ".": re.compile(r"[-+]?\d{1,3}(,\d{3})+(\.\d*)?"),
    ",": re.compile(r"[-+]?\d{1,3}(\.\d{3})+(,\d*)?"),
}
_SPACES = str.maketrans("", "", " '\u00a0\u202f")


def parse_numbers(
    values: Sequence[Any], decimal: Decimal = "."
) -> Float[np.ndarray, "n"]:
    """The value of each text (or object), NaN where it isn't a number."""
    return np.array([_parse(value, decimal) for value in values], dtype=float)


def decimal_sign(texts: Sequence[Any]) -> Decimal:
    """The decimal comma if some text can be read in no other way, else the point."""
    for text in texts:
        if not isinstance(text, str) or "," not in text:
            continue
        match = _DRESSED.fullmatch(text.strip())
        if match is None:
            continue
        body = match["body"].translate(_SPACES)
        point_fails = np.isnan(_number(body, "."))
        if point_fails and not np.isnan(_number(body, ",")):
            return ","
    return "."


def _parse(value: Any, decimal: Decimal) -> float:
    text = isinstance(value, str)
    if text and (decimal == "," or "_" in value):  # Python reads 1_000 as a number
        return _undress(value, decimal)
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return _undress(value, decimal) if text else np.nan


def _undress(text: str, decimal: Decimal) -> float:
    match = _DRESSED.fullmatch(text.strip())
    if match is None:
        return np.nan
    value = _number(match["body"].translate(_SPACES), decimal)
    return -value if match["sign"] == "-" else value


def _number(body: str, decimal: Decimal) -> float:
    thousands = "," if decimal == "." else "."
    if thousands in body:
        if not _THOUSANDS[decimal].fullmatch(body):
            return np.nan
        body = body.replace(thousands, "")
    try:
        return float(body.replace(decimal, "."))
    except ValueError:
        return np.nan
