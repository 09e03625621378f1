"""What may be a value: plain Python objects that JSON can write."""

import math
from typing import Any

import numpy as np

from thalweg.core.errors import InvalidInput


def plain(value: Any) -> Any:
    """`value` without NumPy's types and with tuples for lists."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, list | tuple):
        return tuple(plain(v) for v in value)
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidInput(f"A listed value must be finite, but got {value!r}.")
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise InvalidInput(
        "A listed value must be a number, a string, a boolean, None or a tuple of "
        f"those, but got {value!r}. Use a name, and look the object up by it."
    )


def key(value: Any) -> Any:
    """Equal for values that are the same choice: 1 is 1.0 but not True."""
    if isinstance(value, tuple):
        return tuple(key(v) for v in value)
    return (isinstance(value, bool), value)


def as_lists(value: Any) -> Any:
    """`value` with lists for tuples, as JSON has them."""
    return [as_lists(v) for v in value] if isinstance(value, tuple) else value


def finite_number(name: str, value: Any) -> int | float:
    """`value` as a Python number, or an error that names the argument."""
    number = isinstance(value, int | float | np.integer | np.floating)
    if not number or isinstance(value, bool) or not np.isfinite(value):
        raise InvalidInput(f"`{name}` must be a finite number, but got {value!r}.")
    return value.item() if isinstance(value, np.generic) else value


def whole_number(name: str, value: Any) -> int:
    """`value` as an `int`, or an error that names the argument."""
    number = finite_number(name, value)
    if number != int(number):
        raise InvalidInput(f"`{name}` must be a whole number, but got {value!r}.")
    return int(number)
