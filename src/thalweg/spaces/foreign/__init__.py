"""Search spaces as other libraries write them, known by their classes' names.

None of those libraries is imported, so none needs to be there. What a unit cube can't
say (a forbidden combination, a function that draws) is an error that says so.
"""

from collections.abc import Mapping
from typing import Any

from thalweg.core.errors import InvalidInput
from thalweg.spaces.foreign import configspace, kerastuner, optuna, raytune
from thalweg.spaces.listed import Constant
from thalweg.spaces.parameter import AbstractParameter

WHOLE = (configspace, kerastuner)  # libraries whose spaces are objects
PARTS = (optuna, raytune)  # … whose spaces are dictionaries of parameters


def parameters_of(source: Any) -> dict[str, AbstractParameter]:
    """The parameters of a foreign space.

    A dictionary may hold Optuna's distributions, Ray Tune's domains, parameters of our
    own and, beside any of those, plain values, which are kept as constants. Nested ones
    get names such as "model/width".
    """
    for library in WHOLE:
        if library.knows(source):
            return library.read(source)
    if isinstance(source, Mapping):
        found, plain = _of_parts(source, "")
        if len(found) > len(plain):
            constants = {name: Constant(value) for name, value in plain.items()}
            return {name: found[name] or constants[name] for name in found}
    raise InvalidInput(
        "`space` must be a Space, or a space of Optuna (a dictionary of "
        "distributions), ConfigSpace, Ray Tune or KerasTuner, but got "
        f"{source!r}."
    )


def _of_parts(
    source: Mapping[str, Any], prefix: str
) -> tuple[dict[str, AbstractParameter | None], dict[str, Any]]:
    """Parameters by name, None in the place of plain values; and those values."""
    found: dict[str, AbstractParameter | None] = {}
    plain: dict[str, Any] = {}
    for key, value in source.items():
        name = f"{prefix}{key}"
        library = next((part for part in PARTS if part.knows(value)), None)
        if isinstance(value, AbstractParameter):
            found[name] = value
        elif library is not None:
            found[name] = library.parameter(name, value)
        elif isinstance(value, Mapping):
            inner, rest = _of_parts(value, f"{name}/")
            found |= inner
            plain |= rest
        else:
            found[name], plain[name] = None, value
    return found, plain
