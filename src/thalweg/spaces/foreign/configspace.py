"""ConfigSpace's spaces, as objects or in their JSON form (format 0.4).

Conditions on listed or whole-numbered parents are kept; an "or" of conditions where all
are on one parent. Forbidden clauses and priors are refused.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from thalweg.core.errors import InvalidInput
from thalweg.spaces.foreign.ranges import listed, real, refused, whole
from thalweg.spaces.integer import Int
from thalweg.spaces.listed import AbstractListed, Constant
from thalweg.spaces.parameter import AbstractParameter

Allowed = dict[str, list[Any]]  # parent -> values; all must be met


def knows(source: Any) -> bool:
    """Whether this is a ConfigurationSpace, or the text or dictionary of one."""
    if isinstance(source, str):
        return '"hyperparameters"' in source
    if hasattr(source, "to_serialized_dict"):  # a mapping, too
        return True
    listed = isinstance(source, Mapping) and source.get("hyperparameters")
    return isinstance(listed, list | tuple)


def read(source: Any) -> dict[str, AbstractParameter]:
    """Its parameters with their conditions."""
    if isinstance(source, str):
        source = json.loads(source)
    elif hasattr(source, "to_serialized_dict"):
        source = source.to_serialized_dict()
    if source.get("forbiddens"):
        raise InvalidInput(
            "A space here has no forbidden combinations, but got "
            f"{len(source['forbiddens'])} of them: {source['forbiddens'][0]}. Leave "
            "them out, and tell NaN of such configurations, or use `constraints=`."
        )
    found = {one["name"]: _parameter(one) for one in source["hyperparameters"]}
    for condition in source.get("conditions") or ():
        child = condition["child"]
        for parent, values in _allowed(condition, found).items():
            found[child] = found[child].when(parent, values)
    return found


def _parameter(one: Mapping[str, Any]) -> AbstractParameter:
    name, kind = one["name"], one["type"]
    log = bool(one.get("log", False))
    if kind in ("uniform_float", "uniform_int") and one.get("q"):
        raise refused(name, "quantized", "Use `Float(..., step=...)` or `Ordinal`.")
    if kind == "uniform_float":
        return real(one["lower"], one["upper"], log=log)
    if kind == "uniform_int":
        return whole(one["lower"], one["upper"], log=log)
    if kind == "ordinal":
        return listed(name, one["sequence"], ordered=True)
    if kind == "constant":
        return Constant(one["value"])
    if kind == "categorical":
        if len(set(one.get("weights") or [1])) > 1:
            raise refused(
                name, "a choice with weights", "Leave them out, or use `prior=`."
            )
        return listed(name, one["choices"], ordered=False)
    raise refused(name, f"of the kind {kind!r}", "Use `Float` or `Int` with `prior=`.")


def _allowed(condition: Mapping[str, Any], found: Mapping[str, Any]) -> Allowed:
    """The values that each parent must have."""
    kind, child = condition["type"], condition["child"]
    if kind in ("AND", "OR"):
        parts = [_allowed(part, found) for part in condition["conditions"]]
        return _all(parts) if kind == "AND" else _any(parts, child)
    parent = condition["parent"]
    holds = {
        "EQ": lambda value: value == condition["value"],
        "NEQ": lambda value: value != condition["value"],
        "IN": lambda value: value in condition["values"],
        "LT": lambda value: _place(found[parent], value) < _place(found[parent], bound),
        "GT": lambda value: _place(found[parent], value) > _place(found[parent], bound),
    }
    bound = condition.get("value")
    if kind not in holds:
        raise InvalidInput(f"{child!r} has a condition of an unknown kind, {kind!r}.")
    values = [v for v in _values(found[parent], parent, child) if holds[kind](v)]
    return {parent: values}


def _all(parts: list[Allowed]) -> Allowed:
    merged: Allowed = {}
    for part in parts:
        for parent, values in part.items():
            before = merged.get(parent, values)
            merged[parent] = [value for value in before if value in values]
    return merged


def _any(parts: list[Allowed], child: str) -> Allowed:
    parents = {parent for part in parts for parent in part}
    if len(parents) != 1:
        raise InvalidInput(
            f"{child!r} exists if any of several conditions holds, but they are on "
            f"different parents ({', '.join(sorted(parents))}), which has no form "
            "here. Use conditions on one parent, or leave some out."
        )
    (parent,) = parents
    values: list[Any] = []
    for part in parts:
        values += [value for value in part[parent] if value not in values]
    return {parent: values}


def _values(parameter: AbstractParameter, parent: str, child: str) -> Sequence[Any]:
    if isinstance(parameter, AbstractListed):
        return parameter.values
    if isinstance(parameter, Int) and parameter.levels <= 10_000:
        return range(parameter.low, parameter.high + 1)
    if isinstance(parameter, Constant):
        return [parameter.value]
    raise InvalidInput(
        f"{child!r} has a condition on {parent!r}, {parameter!r}, whose values can't "
        "be listed. Make the parent an `Ordinal`, or drop the condition."
    )


def _place(parameter: AbstractParameter, value: Any) -> Any:
    """Where the value is in the parent's order."""
    return parameter.find(value) if isinstance(parameter, AbstractListed) else value
