"""JSON that gives back exactly the Python values that went in.

Plain JSON has no NaN, no infinities and no tuples, and knows nothing of NumPy. Here a
value that JSON lacks becomes a one-key object whose key starts with `$`:

    nan           {"$float": "nan"}          ("inf", "-inf")
    (64, 64)      {"$tuple": [64, 64]}
    {"$a": 1}     {"$$a": 1}                 a user's own `$` is doubled

so that the text stays valid JSON for any other reader. Finite floats are written with
`repr`, which reads back bit-exact; NumPy scalars become Python ones, arrays lists.
"""

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from thalweg.core.errors import InvalidInput


def dumps(value: Any, *, indent: int | None = None) -> str:
    """The JSON text of `value`: ASCII only, so that any database takes it."""
    separators = (",", ": ") if indent else (",", ":")
    plain = encode(value)
    return json.dumps(plain, indent=indent, separators=separators, allow_nan=False)


def loads(text: str) -> Any:
    """The value that `dumps` was given, NumPy's types aside."""
    return json.loads(text, object_hook=_decode)


def encode(value: Any) -> Any:
    """`value` in types that JSON has."""
    kind = type(value)
    if kind is str or kind is int or kind is bool or value is None:
        return value
    if isinstance(value, float | np.floating):
        number = float(value)
        return number if math.isfinite(number) else {"$float": repr(number)}
    if isinstance(value, Mapping):
        return {_key(key): encode(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return {"$tuple": [encode(item) for item in value]}
    if isinstance(value, list):
        return [encode(item) for item in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, str):  # NumPy's strings and str enumerations
        return str.__str__(value)
    if hasattr(value, "__array__"):  # of NumPy or JAX
        array = np.asarray(value)
        if array.dtype.kind in "biufU":
            return encode(array.tolist())
    raise InvalidInput(
        "The store keeps numbers, texts, lists, tuples and dicts of them, but got "
        f"{value!r} of type {kind.__name__}. Convert it, for example by `str`."
    )


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise InvalidInput(
            f"The keys of a dict in the store must be texts, but got {key!r}. "
            "Convert them by `str`."
        )
    return f"${key}" if key.startswith("$") else key


def _decode(item: dict[str, Any]) -> Any:
    if len(item) == 1:
        if "$float" in item:
            return float(item["$float"])
        if "$tuple" in item:
            return tuple(item["$tuple"])
    if any(key.startswith("$") for key in item):
        return {key.removeprefix("$"): value for key, value in item.items()}
    return item
