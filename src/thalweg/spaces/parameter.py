"""What every parameter of a search space is: a map between [0, 1] and its values."""

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypeAlias, TypeVar

import numpy as np
from jaxtyping import Float64, Int64

from thalweg.core.errors import InvalidInput
from thalweg.spaces.values import as_lists, plain

Kind: TypeAlias = Literal["numeric", "ordinal", "choice"]
Parameter = TypeVar("Parameter", bound="AbstractParameter")
# The deviation of a prior around its value, as a share of the parameter's range.
WIDTHS = {"low": 0.5, "medium": 0.25, "high": 0.125}


@dataclass(frozen=True)
class Condition:
    """The parameter exists only while `parent` exists and has one of `values`."""

    parent: str
    values: tuple[Any, ...]


@dataclass(frozen=True, repr=False)
class AbstractParameter(ABC):
    """A map between the unit interval and the values of one hyper-parameter.

    Every method is vectorised over `n` and the invariant is `decode(encode(v)) == v`.
    `kind` tells models how two values compare: "numeric" by their distance in the unit
    interval, "ordinal" likewise (the values are ordered, their spacing is nominal),
    "choice" only as equal or different.

    `prior` is a value that the user believes to be good (None: no belief), and
    `prior_confidence` how firmly: "low", "medium" or "high" (see `Space.log_prior`).
    """

    kind: ClassVar[Kind]
    prior: Any = field(default=None, kw_only=True)
    prior_confidence: str = field(default="medium", kw_only=True)
    conditions: tuple[Condition, ...] = field(default=(), kw_only=True)

    @property
    @abstractmethod
    def levels(self) -> int | None:
        """The number of distinct values; None for a continuum."""

    @abstractmethod
    def decode(self, u: Float64[np.ndarray, " n"]) -> list[Any]:
        """The values at `u`, as plain Python objects."""

    @abstractmethod
    def encode(self, values: Sequence[Any]) -> Float64[np.ndarray, " n"]:
        """Where in [0, 1] the values lie; the centre of a discrete value's cell."""

    @abstractmethod
    def canonical(self, u: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
        """`u` moved to its cell's centre: equal exactly where the values are."""

    @abstractmethod
    def validate(self, value: Any) -> Any:
        """`value` as `decode` would give it. Raises `InvalidInput` if it can't."""

    def _check_prior(self) -> None:
        """Makes `prior` plain. To be called when all other fields are checked."""
        if self.prior_confidence not in WIDTHS:
            raise InvalidInput(
                '`prior_confidence` must be "low", "medium" or "high", but got '
                f"{self.prior_confidence!r}."
            )
        if self.prior is None:
            return
        try:
            object.__setattr__(self, "prior", self.validate(self.prior))
        except InvalidInput as error:
            raise InvalidInput(
                f"`prior` must be one of the parameter's values: {error}"
            ) from None

    def when(self: Parameter, parent: str, values: Iterable[Any]) -> Parameter:
        """This parameter, absent unless `parent` is present with one of `values`.

        Called repeatedly, all of the conditions must hold. A parent may itself be
        conditional.
        """
        if isinstance(values, str | bytes) or not isinstance(values, Iterable):
            raise InvalidInput(
                f"`when(parent, values)` needs a list of the parent's values, but got "
                f"{values!r}. Write `.when({parent!r}, [{values!r}])`."
            )
        condition = Condition(parent, tuple(plain(v) for v in values))
        if not condition.values:
            raise InvalidInput(
                f"`when({parent!r}, values)` needs at least one value, but got none: "
                "such a parameter would never exist."
            )
        return dataclasses.replace(self, conditions=(*self.conditions, condition))

    def to_dict(self) -> dict[str, Any]:
        """JSON-able: the type's name and the fields that differ from their defaults."""
        record: dict[str, Any] = {"type": type(self).__name__}
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            if item.name != "conditions" and value != item.default:
                record[item.name] = as_lists(value)
        if self.conditions:
            record["when"] = [[c.parent, as_lists(c.values)] for c in self.conditions]
        return record

    @classmethod
    def from_dict(cls: type[Parameter], record: dict[str, Any]) -> Parameter:
        """The parameter whose `to_dict` is `record`."""
        rest = {k: v for k, v in record.items() if k not in ("type", "when")}
        made = cls(**rest)
        for parent, values in record.get("when", ()):
            made = made.when(parent, values)
        return made

    def __repr__(self) -> str:
        parts = []
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            if item.name == "conditions" or value == item.default:
                continue
            named = item.default is not dataclasses.MISSING
            shown = repr(as_lists(value))
            parts.append(f"{item.name}={shown}" if named else shown)
        when = "".join(
            f".when({c.parent!r}, {as_lists(c.values)})" for c in self.conditions
        )
        return f"{type(self).__name__}({', '.join(parts)}){when}"


class AbstractDiscrete(AbstractParameter):
    """A parameter of finitely many values: the unit interval is cut into cells."""

    @property
    @abstractmethod
    def levels(self) -> int:
        """The number of values."""

    @abstractmethod
    def index(self, u: Float64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
        """The number of the cell that holds `u`."""

    @abstractmethod
    def centre(self, index: Int64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
        """The middle of a cell."""

    @abstractmethod
    def values_at(self, index: Int64[np.ndarray, " n"]) -> list[Any]:
        """The values of cells."""

    @abstractmethod
    def find(self, value: Any) -> int:
        """The number of the cell of `value`. Raises `InvalidInput` if there is none."""

    def decode(self, u: Float64[np.ndarray, " n"]) -> list[Any]:
        """The values at `u`, as plain Python objects."""
        return self.values_at(self.index(u))

    def encode(self, values: Sequence[Any]) -> Float64[np.ndarray, " n"]:
        """The centres of the values' cells."""
        return self.centre(np.array([self.find(v) for v in values], np.int64))

    def canonical(self, u: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
        """The centre of the cell that holds `u`."""
        return self.centre(self.index(u))

    def validate(self, value: Any) -> Any:
        """`value` as `decode` would give it. Raises `InvalidInput` if it can't."""
        return self.values_at(np.array([self.find(value)], np.int64))[0]


def equal_cells(u: Float64[np.ndarray, " n"], levels: int) -> Int64[np.ndarray, " n"]:
    """The cell of `u` among `levels` cells of one width."""
    return np.clip(np.floor(u * levels), 0, levels - 1).astype(np.int64)


def equal_centres(
    index: Int64[np.ndarray, " n"], levels: int
) -> Float64[np.ndarray, " n"]:
    """The middles of cells of one width."""
    return (index + 0.5) / levels
