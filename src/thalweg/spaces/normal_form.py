"""When different values mean the same: one representative for each class of them."""

import importlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Int64

from thalweg.core.errors import InvalidInput
from thalweg.spaces.parameter import AbstractDiscrete, AbstractParameter

# The forms of our own architectures live above this room: loaded when a record of a
# space names one.
NORMAL_FORMS = {
    "Cells": "thalweg.cells.cells",
    "EdgeCells": "thalweg.cells.nasbench201",
}


class AbstractNormalForm(ABC):
    """Ties discrete parameters together whose joint values repeat themselves.

    An edge list and a list of operations describe one graph in many ways: vertices can
    be numbered otherwise, and what no path reaches doesn't matter. A space that is
    given the form treats all of them as one configuration, the class's representative.
    Immutable; equal and hashable by its record.
    """

    @property
    @abstractmethod
    def levels(self) -> Mapping[str, int]:
        """The parameters that are tied, and how many values each has."""

    @property
    @abstractmethod
    def size(self) -> int:
        """How many classes there are."""

    @abstractmethod
    def canonical(self, index: Int64[np.ndarray, "n k"]) -> Int64[np.ndarray, "n k"]:
        """The representatives of rows of values' numbers, in the order of `levels`.

        Every row has one, also those that no rule of the architecture allows.
        """

    @abstractmethod
    def member(self, number: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, "n k"]:
        """The representatives of classes by number, from 0 to `size - 1`."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """JSON-able: the type's name and its fields."""

    @classmethod
    @abstractmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "AbstractNormalForm":
        """The form whose `to_dict` is `record`."""


def check_tied(
    form: AbstractNormalForm, parameters: Mapping[str, AbstractParameter]
) -> None:
    """Raises unless the parameters of `form` are there, discrete and unconditional."""
    for name, levels in form.levels.items():
        parameter = parameters.get(name)
        if (
            not isinstance(parameter, AbstractDiscrete)
            or parameter.levels != levels
            or parameter.conditions
        ):
            raise InvalidInput(
                f"The normal form {type(form).__name__} needs a parameter {name!r} of "
                f"{levels} values without conditions, but got {parameter!r}."
            )
    for name, parameter in parameters.items():
        for condition in parameter.conditions:
            if condition.parent in form.levels:
                raise InvalidInput(
                    f"No parameter may depend on {condition.parent!r}, whose value is "
                    f"settled by {type(form).__name__}, but {name!r} does."
                )


def form_from_dict(
    record: Mapping[str, Any], types: Mapping[str, Any]
) -> AbstractNormalForm:
    """The form of a record; `types` may hold types of the caller's own."""
    name = record["type"]
    if name in NORMAL_FORMS and name not in types:
        return getattr(importlib.import_module(NORMAL_FORMS[name]), name).from_dict(
            record
        )
    return types[name].from_dict(record)
