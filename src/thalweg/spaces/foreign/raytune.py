"""Ray Tune's dictionaries: `{"lr": tune.loguniform(1e-4, 1e-1), "layers": 2, ...}`.

As there, whole numbers end before `upper`, except quantized ones.
"""

import math
from collections.abc import Mapping
from typing import Any

from thalweg.spaces.foreign.ranges import listed, multiples, real, refused, whole
from thalweg.spaces.listed import Ordinal
from thalweg.spaces.parameter import AbstractParameter

KINDS = {"Float", "Integer", "Categorical", "Function"}


def knows(value: Any) -> bool:
    """Whether this is a domain, or what `grid_search` gives."""
    if isinstance(value, Mapping):
        return set(value) == {"grid_search"}
    return type(value).__name__ in KINDS and hasattr(value, "sampler")


def parameter(name: str, value: Any) -> AbstractParameter:
    """The parameter with that domain's values."""
    if isinstance(value, Mapping):
        return listed(name, value["grid_search"], ordered=False)
    kind, sampler = type(value).__name__, value.sampler
    if kind == "Function":
        raise refused(name, "a function that draws", "List its values by `Choice`.")
    if kind == "Categorical":
        return listed(name, value.categories, ordered=False)
    q = getattr(sampler, "q", None)
    sampler = getattr(sampler, "sampler", sampler)
    if type(sampler).__name__ not in ("_Uniform", "_LogUniform"):
        raise refused(
            name, "a normal distribution", "Use `Float(low, high, prior=mean)`."
        )
    return _range(name, value, type(sampler).__name__ == "_LogUniform", q)


def _range(name: str, value: Any, log: bool, q: float | None) -> AbstractParameter:
    low, high, integer = value.lower, value.upper, type(value).__name__ == "Integer"
    if q in (None, 1) and integer:
        return whole(int(low), int(high) - (q is None), log=log)
    if q is None:
        return real(float(low), float(high), log=log)
    first, last = multiples(name, low, high, q)
    if integer:
        return whole(int(first), int(last), step=int(q))
    if not log:
        return real(float(first), float(last), step=float(q))
    count = math.floor((last - first) / q + 1e-9) + 1
    if count > 1000:
        raise refused(
            name, f"a logarithmic range of {count} steps", "Leave out the steps."
        )
    return Ordinal([round(first + i * q, 12) for i in range(count)])
