"""An optimizer as plain data that JSON can hold, and back: with a saved Keras model."""

import dataclasses
import importlib
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from thalweg.core.errors import InvalidInput

HOUSES = ("thalweg.optimizers.", "thalweg.schedules.")  # what may be named in a file


def as_config(value: Any) -> Any:
    """Dictionaries, lists, texts and numbers.

    Raises InvalidInput for what was not defined in this package, or holds functions.
    """
    if isinstance(value, eqx.Module) and _ours(type(value).__module__):
        kind = f"{type(value).__module__}.{type(value).__qualname__}"
        names = [field.name for field in dataclasses.fields(value)]
        return {"kind": kind, **{n: as_config(getattr(value, n)) for n in names}}
    if eqx.is_array(value) or isinstance(value, np.generic):
        array = np.asarray(value)
        return {"kind": array.dtype.name, "array": array.tolist()}
    if isinstance(value, tuple):
        return {"kind": "tuple", "items": [as_config(v) for v in value]}
    if isinstance(value, dict):
        items = {str(key): as_config(v) for key, v in value.items()}
        return {"kind": "dict", "items": items}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise InvalidInput(
        f"Only optimizers and schedules of thalweg can be saved, but got {value!r}. "
        "Save the weights alone, and make the optimizer anew."
    )


def from_config(config: Any) -> Any:
    """What `as_config` was given."""
    if not isinstance(config, dict):
        return config
    content = dict(config)
    kind = content.pop("kind")
    if "array" in content:
        return jnp.asarray(content["array"], kind)
    if kind == "tuple":
        return tuple(from_config(v) for v in content["items"])
    if kind == "dict":
        return {name: from_config(v) for name, v in content["items"].items()}
    return _module(kind, {name: from_config(v) for name, v in content.items()})


def _module(kind: str, fields: dict[str, Any]) -> Any:
    module, _, name = kind.rpartition(".")
    found = getattr(importlib.import_module(module), name) if _ours(module) else None
    if not (isinstance(found, type) and issubclass(found, eqx.Module)):
        raise InvalidInput(f"A saved optimizer must be one of thalweg, but got {kind}.")
    made = object.__new__(found)  # fields are as they were: converters have seen them
    for field, value in fields.items():
        object.__setattr__(made, field, value)
    return made


def _ours(module: str) -> bool:
    return module.startswith(HOUSES)
