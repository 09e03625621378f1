"""Narrower spaces: parameters fixed to a value or restricted to fewer values."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from thalweg.core.errors import InvalidInput, unknown_name
from thalweg.spaces.integer import Int
from thalweg.spaces.listed import AbstractListed, Constant
from thalweg.spaces.parameter import AbstractDiscrete, AbstractParameter
from thalweg.spaces.real import Float
from thalweg.spaces.values import key

Table = Mapping[str, AbstractParameter]


def fix(parameters: Table, values: Mapping[str, Any]) -> dict[str, AbstractParameter]:
    """The parameters, the named ones as constants, without those that can't exist."""
    changed = dict(parameters)
    for name, value in values.items():
        old = _get(parameters, name)
        changed[name] = Constant(old.validate(value), conditions=old.conditions)
    return _prune(changed)


def restrict(
    parameters: Table, ranges: Mapping[str, Any]
) -> dict[str, AbstractParameter]:
    """The parameters, the named ones narrower, without those that can't exist."""
    changed = dict(parameters)
    for name, new in ranges.items():
        changed[name] = _narrower(name, _get(parameters, name), new)
    return _prune(changed)


def _get(parameters: Table, name: str) -> AbstractParameter:
    if name not in parameters:
        raise unknown_name("parameter", name, parameters)
    return parameters[name]


def _narrower(name: str, old: AbstractParameter, new: Any) -> AbstractParameter:
    if not isinstance(new, list | tuple):
        raise InvalidInput(
            f"`restrict({name}=...)` needs (low, high) or a list of values, but got "
            f"{new!r}. For one value use `with_fixed`."
        )
    values = [old.validate(value) for value in new]
    if isinstance(old, AbstractListed):
        kept = key(old.prior) in [key(value) for value in values]
        prior = old.prior if kept else None
        return dataclasses.replace(old, values=tuple(values), prior=prior)
    if isinstance(old, Float | Int) and len(values) == 2:
        low, high = values
        prior = old.prior
        if prior is not None and low <= high:  # else the parameter refuses the bounds
            prior = min(max(prior, low), high)
        return dataclasses.replace(old, low=low, high=high, prior=prior)
    raise InvalidInput(
        f"`restrict({name}=...)` needs (low, high) for {old!r}, but got {new!r}."
    )


def _prune(parameters: Table) -> dict[str, AbstractParameter]:
    """Without the conditions' values that are gone, and without what can't exist."""
    kept = dict(parameters)
    settled = False
    while not settled:
        settled = True
        for name, parameter in list(kept.items()):
            conditions = []
            for condition in parameter.conditions:
                values = _possible(kept.get(condition.parent), condition.values)
                conditions.append(dataclasses.replace(condition, values=values))
            if not all(c.values for c in conditions):
                del kept[name]
                settled = False
            elif tuple(conditions) != parameter.conditions:
                kept[name] = dataclasses.replace(
                    parameter, conditions=tuple(conditions)
                )
    return kept


def _possible(
    parent: AbstractParameter | None, values: tuple[Any, ...]
) -> tuple[Any, ...]:
    """Those of `values` that `parent` can still take."""
    if not isinstance(parent, AbstractDiscrete):
        return ()
    found = []
    for value in values:
        try:
            found.append(parent.validate(value))
        except InvalidInput:
            continue
    return tuple(found)
