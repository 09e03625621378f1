"""Ranges as other libraries have them: with steps, ends left out, single values."""

import math
from collections.abc import Sequence
from typing import Any

from thalweg.core.errors import InvalidInput
from thalweg.spaces.integer import Int
from thalweg.spaces.listed import Choice, Constant, Ordinal
from thalweg.spaces.parameter import AbstractParameter
from thalweg.spaces.real import Float


def whole(
    low: int, high: int, *, log: bool = False, step: int = 1
) -> AbstractParameter:
    """Whole numbers from `low` to `high`, both included, `step` apart."""
    values = range(low, high + 1, step)
    if len(values) == 1:
        return Constant(low)
    return Int(low, high, log=log) if step == 1 else Ordinal(list(values))


def real(
    low: float, high: float, *, log: bool = False, step: float | None = None
) -> AbstractParameter:
    """An interval, both ends included, or the points `step` apart from `low` on."""
    if low == high:
        return Constant(low)
    if step is not None and low + step > high:
        return Constant(low)
    return Float(low, high, log=log, step=step)


def listed(name: str, values: Sequence[Any], *, ordered: bool) -> AbstractParameter:
    """The values, which must be such as JSON can write."""
    try:
        if len(values) == 1:
            return Constant(values[0])
        return (Ordinal if ordered else Choice)(list(values))
    except InvalidInput as error:
        raise InvalidInput(f"Parameter {name!r}: {error}") from None


def multiples(name: str, low: float, high: float, q: float) -> tuple[float, float]:
    """The first and the last multiple of `q` within the bounds."""
    first, last = math.ceil(low / q - 1e-9) * q, math.floor(high / q + 1e-9) * q
    if first > last:
        raise InvalidInput(
            f"Parameter {name!r} needs a multiple of {q} between {low} and {high}, but "
            "there is none."
        )
    return first, last


def refused(name: str, what: str, remedy: str) -> InvalidInput:
    """The error for what our spaces can't say."""
    return InvalidInput(
        f"Parameter {name!r} is {what}, which has no form here. {remedy}"
    )
