"""KerasTuner's `HyperParameters`, as they are after a build."""

from collections.abc import Mapping
from typing import Any

from thalweg.spaces.foreign.ranges import listed, real, refused, whole
from thalweg.spaces.listed import Choice, Constant
from thalweg.spaces.parameter import AbstractParameter


def knows(source: Any) -> bool:
    """Whether this is a `HyperParameters` object."""
    return type(source).__name__ == "HyperParameters" and hasattr(source, "space")


def read(source: Any) -> dict[str, AbstractParameter]:
    """Its parameters; those within a `conditional_scope` have their conditions."""
    found: dict[str, AbstractParameter] = {}
    for one in source.space:
        made = _parameter(one.name, type(one).__name__, one.get_config())
        for condition in one.conditions:
            made = made.when(condition.name, list(condition.values))
        found[one.name] = made
    return found


def _parameter(name: str, kind: str, one: Mapping[str, Any]) -> AbstractParameter:
    if kind == "Choice":
        return listed(name, one["values"], ordered=bool(one["ordered"]))
    if kind == "Boolean":
        return Choice([False, True])
    if kind == "Fixed":
        return Constant(one["value"])
    log, step = one["sampling"] == "log", one["step"]
    if one["sampling"] not in (None, "linear", "log"):
        raise refused(name, f"sampled by {one['sampling']!r}", "Use `log=True`.")
    if kind == "Float":
        if log and step is not None:
            raise refused(name, "a logarithmic range of steps", "Leave out the steps.")
        return real(one["min_value"], one["max_value"], log=log, step=step)
    low, high, step = int(one["min_value"]), int(one["max_value"]), step or 1
    if not (log and step > 1):
        return whole(low, high, log=log, step=int(step))
    values = [low]  # with "log" the step is a factor
    while values[-1] * step <= high:
        values.append(int(values[-1] * step))
    return listed(name, values, ordered=True)
