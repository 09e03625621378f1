"""Optuna itself, if it is there."""

import importlib
from typing import Any

from thalweg.core.errors import InvalidInput


def optuna() -> Any:
    """The module; imported where it is first needed."""
    try:
        return importlib.import_module("optuna")
    except ImportError as error:
        raise InvalidInput(
            "This needs Optuna, which can't be imported "
            f"({error}). Install it by `pip install thalweg[optuna]`."
        ) from None
