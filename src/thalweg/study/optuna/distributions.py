"""Our parameters as Optuna's distributions, and values between the two.

The way back is `Space.of`. Conditions are lost on the way there: Optuna knows them from
the trials alone.
"""

import json
from collections.abc import Mapping
from typing import Any

from thalweg.core.errors import InvalidInput, unknown_name
from thalweg.core.typing import Config
from thalweg.spaces import AbstractParameter, Constant, Float, Int, Space
from thalweg.spaces.listed import AbstractListed
from thalweg.spaces.values import as_lists
from thalweg.study.optuna.installed import optuna


def distributions(space: Space) -> dict[str, Any]:
    """A distribution for each parameter; whatever is listed is categorical."""
    return {name: _distribution(p) for name, p in space.parameters.items()}


def theirs(config: Mapping[str, Any]) -> Config:
    """A configuration as Optuna's parameters: tuples become JSON text."""
    return {name: _plain(value) for name, value in config.items()}


def ours(space: Space, params: Mapping[str, Any]) -> Config:
    """Optuna's parameters as a configuration; raises `InvalidInput` where they differ.

    What is absent under its conditions is left out: Optuna may give it all the same.
    """
    for name in params:
        if name not in space.parameters:
            raise unknown_name("parameter", name, space.parameters)

    def value(name: str) -> Any:
        if name not in params:
            raise InvalidInput(
                f"A trial must hold {name!r}, but got only {sorted(params)}. Give the "
                "space its conditions by `.when`."
            )
        return value_of(space.parameters[name], params[name])

    return space.build(value)


def value_of(parameter: AbstractParameter, value: Any) -> Any:
    """Our value of Optuna's: a listed one may be text there."""
    if isinstance(parameter, Constant):
        return parameter.value if _plain(parameter.value) == value else value
    if isinstance(parameter, AbstractListed) and isinstance(value, str):
        return next((v for v in parameter.values if _plain(v) == value), value)
    return value


def _distribution(parameter: AbstractParameter) -> Any:
    kinds = optuna().distributions
    if isinstance(parameter, Float):
        return kinds.FloatDistribution(
            parameter.low, parameter.high, log=parameter.log, step=parameter.step
        )
    if isinstance(parameter, Int):
        return kinds.IntDistribution(parameter.low, parameter.high, log=parameter.log)
    if isinstance(parameter, Constant):
        return kinds.CategoricalDistribution([_plain(parameter.value)])
    assert isinstance(parameter, AbstractListed)
    return kinds.CategoricalDistribution([_plain(v) for v in parameter.values])


def _plain(value: Any) -> Any:
    return json.dumps(as_lists(value)) if isinstance(value, tuple) else value
