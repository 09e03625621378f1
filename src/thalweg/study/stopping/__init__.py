"""Rules that end trials early by what they report."""

from typing import Any

from thalweg.core.errors import InvalidInput
from thalweg.core.registry import Registry
from thalweg.study.stopping.base import AbstractStopping
from thalweg.study.stopping.halving import Halving
from thalweg.study.stopping.median import Median
from thalweg.study.stopping.patience import Patience
from thalweg.study.stopping.percentile import Percentile

STOPPING: Registry[type[AbstractStopping]] = Registry(
    "stopping rule",
    {
        "median": Median,
        "percentile": Percentile,
        "halving": Halving,
        "patience": Patience,
    },
)


def as_rule(given: Any) -> AbstractStopping | None:
    """A rule by its name, or the rule itself; None is none."""
    if given is None or isinstance(given, AbstractStopping):
        return given
    if isinstance(given, str):
        return STOPPING[given]()
    raise InvalidInput(
        f"`stopping` must be a rule or the name of one ({', '.join(STOPPING)}), but "
        f"got {given!r}."
    )


__all__ = [
    "STOPPING",
    "AbstractStopping",
    "Halving",
    "Median",
    "Patience",
    "Percentile",
    "as_rule",
]
