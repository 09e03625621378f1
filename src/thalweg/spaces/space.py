"""The search space: named parameters, and the unit cube that proposers see."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int64

from thalweg.core.errors import InvalidInput, unknown_name
from thalweg.core.registry import Registry
from thalweg.core.typing import Config
from thalweg.spaces.conditions import Activity
from thalweg.spaces.integer import Int
from thalweg.spaces.listed import Choice, Constant, Ordinal
from thalweg.spaces.narrow import fix, restrict
from thalweg.spaces.normal_form import (
    AbstractNormalForm,
    check_tied,
    form_from_dict,
)
from thalweg.spaces.parameter import (
    AbstractDiscrete,
    AbstractParameter,
    Kind,
    equal_centres,
)
from thalweg.spaces.priors import Prior
from thalweg.spaces.real import Float

PARAMETERS: Registry[type[AbstractParameter]] = Registry(
    "parameter type",
    {
        "Float": Float,
        "Int": Int,
        "Ordinal": Ordinal,
        "Choice": Choice,
        "Constant": Constant,
    },
)


class Space:
    """Named parameters <-> the unit cube `[0, 1]^d`.

    Each parameter of more than one value is a dimension of the cube, in the order of
    the mapping. A conditional parameter is absent from a configuration whose parents
    don't allow it; its coordinate is then ignored, and 0.5 in canonical form. Immutable
    and hashable. Everything is vectorised over `n` rows, in double precision.

        Space({
            "optimizer": Choice(["sgd", "adam"]),
            "learning_rate": Float(1e-4, 1e-1, log=True),
            "momentum": Float(0.0, 0.99).when("optimizer", ["sgd"]),
        })

    With a `normal_form`, different values of the parameters that it ties together may
    be one configuration (two drawings of one graph); they decode to the same one.
    """

    def __init__(
        self,
        parameters: Mapping[str, AbstractParameter],
        *,
        normal_form: AbstractNormalForm | None = None,
    ):
        self.parameters = MappingProxyType(_checked(parameters))
        self.normal_form = normal_form
        if normal_form is not None:
            check_tied(normal_form, self.parameters)
        self._activity = Activity(self.parameters)
        self.dimensions = tuple(n for n, p in self.parameters.items() if p.levels != 1)

    @property
    def dim(self) -> int:
        """The number of dimensions of the cube."""
        return len(self.dimensions)

    @cached_property
    def kinds(self) -> tuple[Kind, ...]:
        """What each dimension is: "numeric", "ordinal" or "choice"."""
        return tuple(self.parameters[name].kind for name in self.dimensions)

    @cached_property
    def levels(self) -> tuple[int | None, ...]:
        """The number of values of each dimension; None for a continuum."""
        return tuple(self.parameters[name].levels for name in self.dimensions)

    @cached_property
    def conditional(self) -> tuple[bool, ...]:
        """Which dimensions may be absent."""
        return tuple(bool(self.parameters[n].conditions) for n in self.dimensions)

    @cached_property
    def parents_first(self) -> tuple[int, ...]:
        """The dimensions' numbers, in an order that puts parents before children."""
        return tuple(
            self.dimensions.index(n)
            for n in self._activity.order
            if n in self.dimensions
        )

    @cached_property
    def size(self) -> int | float:
        """The number of distinct configurations, or `math.inf`."""
        if any(p.levels is None for p in self.parameters.values()):
            return math.inf
        count = self._activity.count()
        if self.normal_form is None:
            return count
        drawings = math.prod(self.normal_form.levels.values())
        return count // drawings * self.normal_form.size

    @property
    def has_prior(self) -> bool:
        """Whether a dimension carries a user's prior."""
        return bool(self._priors)

    def active(self, u: Float64[np.ndarray, "n d"]) -> Bool[np.ndarray, "n d"]:
        """Which coordinates of each row matter."""
        u = self._cube(u)
        active = self._activity(self._columns(u))
        out = np.empty(u.shape, bool)
        for j, name in enumerate(self.dimensions):
            out[:, j] = active[name]
        return out

    def canonical(self, u: Float64[np.ndarray, "n d"]) -> Float64[np.ndarray, "n d"]:
        """`u` with discrete coordinates at their cells' centres and absent ones 0.5.

        Two rows are the same configuration exactly if their canonical forms are equal.
        """
        u = self._cube(u)
        out = np.full(u.shape, 0.5)
        for j, (name, active) in enumerate(
            zip(self.dimensions, self.active(u).T, strict=True)
        ):
            out[active, j] = self.parameters[name].canonical(u[active, j])
        return self._normal(out)

    def centres(
        self, dimension: int, index: Int64[np.ndarray, " m"]
    ) -> Float64[np.ndarray, " m"]:
        """The middles of the cells `index` of a discrete dimension."""
        parameter = self.parameters[self.dimensions[dimension]]
        if isinstance(parameter, AbstractDiscrete):
            return parameter.centre(index)
        levels = parameter.levels
        assert levels is not None
        return equal_centres(index, levels)

    def log_prior(self, u: Float64[np.ndarray, "n d"]) -> Float64[np.ndarray, " n"]:
        """The log density of the users' priors over the cube; zeros without any.

        Dimensions are independent, and absent ones don't count. The density is one on
        average, whatever the space, so that differences are ratios of belief.
        """
        active, u = self.active(u), self._cube(u)
        out = np.zeros(len(u))
        for j, prior in self._priors.items():
            out[active[:, j]] += prior.log_density(u[active[:, j], j])
        return out

    def sample_prior(
        self, n: int, rng: np.random.Generator
    ) -> Float64[np.ndarray, "n d"]:
        """Canonical rows drawn from the users' priors; uniform where there is none."""
        u = rng.random((n, self.dim))
        for j, prior in self._priors.items():
            u[:, j] = prior.sample(u[:, j])
        return self.canonical(u)

    def decode(self, u: Float64[np.ndarray, "n d"]) -> list[Config]:
        """The configurations at the rows of `u`, without absent parameters."""
        u = self._normal(self._cube(u))
        columns = self._columns(u)
        active = self._activity(columns)
        configs: list[Config] = [{} for _ in range(len(u))]
        for name, parameter in self.parameters.items():
            rows = np.flatnonzero(active[name])
            for row, value in zip(
                rows.tolist(), parameter.decode(columns[name][rows]), strict=True
            ):
                configs[row][name] = value
        return configs

    def encode(
        self, configs: Sequence[Mapping[str, Any]]
    ) -> Float64[np.ndarray, "n d"]:
        """The canonical coordinates of configurations; checks each (`validate`)."""
        if isinstance(configs, Mapping):
            raise InvalidInput(
                "`encode` needs a list of configurations, but got one. Use `[config]`."
            )
        plain = [self._plain(config) for config in configs]
        u = np.full((len(plain), self.dim), 0.5)
        for j, name in enumerate(self.dimensions):
            rows = [i for i, config in enumerate(plain) if name in config]
            u[rows, j] = self.parameters[name].encode([plain[i][name] for i in rows])
        return self._normal(u)

    def validate(self, config: Mapping[str, Any]) -> Config:
        """`config` in the space's order, plain Python types and normal form.

        Raises `InvalidInput` if a name is unknown, missing or absent under its
        conditions, or if a value is not its parameter's.
        """
        if self.normal_form is None:
            return self._plain(config)
        return self.decode(self.encode([config]))[0]

    def _plain(self, config: Mapping[str, Any]) -> Config:
        for name in config:
            if name not in self.parameters:
                raise unknown_name("parameter", name, self.parameters)
        found: Config = {}
        for name in self._activity.order:
            parameter = self.parameters[name]
            exists = self._activity.exists(name, found)
            if exists and name not in config:
                raise InvalidInput(
                    f"A configuration must hold {name!r}, but got only "
                    f"{sorted(map(str, config))}. It is {parameter!r}."
                )
            if not exists and name in config:
                raise InvalidInput(
                    f"Parameter {name!r} is absent unless its conditions hold, but got "
                    f"{config[name]!r}. Leave it out; it is {parameter!r}."
                )
            if exists:
                try:
                    found[name] = parameter.validate(config[name])
                except InvalidInput as error:
                    raise InvalidInput(f"Parameter {name!r}: {error}") from None
        return {name: found[name] for name in self.parameters if name in found}

    def build(self, value: Callable[[str], Any]) -> Config:
        """The configuration of `value(name)`, called parents first, for what exists."""
        found: Config = {}
        for name in self._activity.order:
            if self._activity.exists(name, found):
                found[name] = value(name)
        return self.validate(found)

    def with_fixed(self, **values: Any) -> "Space":
        """The space where each named parameter has one value; it loses its dimension.

        Parameters that can then no longer exist are dropped.
        """
        self._refuse_to_narrow()
        return Space(fix(self.parameters, values))

    def restrict(self, **ranges: Any) -> "Space":
        """The space with narrower parameters.

        `(low, high)` for a `Float` or an `Int`, the list of the remaining values for an
        `Ordinal` or a `Choice`. Parameters that can no longer exist are dropped,
        a number's prior moves to the nearest bound, and a listed one that is gone goes.
        """
        self._refuse_to_narrow()
        return Space(restrict(self.parameters, ranges))

    def _refuse_to_narrow(self) -> None:
        if self.normal_form is not None:
            raise InvalidInput(
                "A space with a normal form can't be narrowed: a parameter's value "
                "depends on how a graph is drawn. Search it as it is."
            )

    def to_dict(self) -> dict[str, Any]:
        """A JSON-able record: each parameter's type and fields.

        Those of the normal form are under the empty name, which no parameter has.
        """
        record = {name: p.to_dict() for name, p in self.parameters.items()}
        return record | ({"": self.normal_form.to_dict()} if self.normal_form else {})

    def to_json(self) -> str:
        """`to_dict` as text. The order of the parameters is part of it."""
        return json.dumps(self.to_dict())

    @staticmethod
    def from_json(
        source: str | Mapping[str, Any],
        *,
        types: Mapping[str, Any] = PARAMETERS,
    ) -> "Space":
        """The space of `to_json` or `to_dict`.

        `types` may add types of your own, of parameters and of normal forms.
        """
        record = dict(json.loads(source) if isinstance(source, str) else source)
        form = record.pop("", None)
        return Space(
            {n: types[p["type"]].from_dict(p) for n, p in record.items()},
            normal_form=None if form is None else form_from_dict(form, types),
        )

    @staticmethod
    def of(source: Any) -> "Space":
        """A space from another library's: see `spaces.foreign`. A Space is itself."""
        if isinstance(source, Space):
            return source
        from thalweg.spaces.foreign import parameters_of

        return Space(parameters_of(source))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Space) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        rows = "".join(f"    {n!r}: {p!r},\n" for n, p in self.parameters.items())
        form = f", normal_form={self.normal_form!r}" if self.normal_form else ""
        return f"Space({{\n{rows}}}{form})"

    @cached_property
    def _priors(self) -> dict[int, Prior]:
        """Of the dimensions that carry one."""
        named = {j: self.parameters[name] for j, name in enumerate(self.dimensions)}
        return {j: Prior(p) for j, p in named.items() if p.prior is not None}

    @cached_property
    def _text(self) -> str:
        return self.to_json()

    def _normal(self, u: Float64[np.ndarray, "n d"]) -> Float64[np.ndarray, "n d"]:
        """`u` with the parameters that the normal form ties at its representatives."""
        if self.normal_form is None:
            return u
        tied = [
            (self.dimensions.index(name), self.parameters[name])
            for name in self.normal_form.levels
        ]
        index = np.stack([p.index(u[:, j]) for j, p in tied], 1)  # type: ignore
        u = u.copy()
        for (j, p), cells in zip(
            tied, self.normal_form.canonical(index).T, strict=True
        ):
            u[:, j] = p.centre(cells)  # type: ignore
        return u

    def _columns(self, u: Float64[np.ndarray, "n d"]) -> dict[str, np.ndarray]:
        """Every parameter's coordinate, those of one value included."""
        columns = {name: np.full(len(u), 0.5) for name in self.parameters}
        columns.update(zip(self.dimensions, u.T, strict=True))
        return columns

    def _cube(self, u: Any) -> Float64[np.ndarray, "n d"]:
        u = np.asarray(u, np.float64)
        if u.ndim != 2 or u.shape[1] != self.dim:
            raise InvalidInput(
                f"The unit cube here has rows of {self.dim} coordinates, but got an "
                f"array of shape {u.shape}."
            )
        if not ((u >= 0) & (u <= 1)).all():
            raise InvalidInput(
                "Coordinates must lie in [0, 1], but got values from "
                f"{np.min(u)} to {np.max(u)}."
            )
        return u


def _checked(parameters: Any) -> dict[str, AbstractParameter]:
    if not isinstance(parameters, Mapping) or not parameters:
        raise InvalidInput(
            "A space needs a mapping from names to parameters, with at least one, but "
            f"got {parameters!r}."
        )
    for name, parameter in parameters.items():
        if not isinstance(name, str) or not name:
            raise InvalidInput(f"A parameter's name must be text, but got {name!r}.")
        if not isinstance(parameter, AbstractParameter):
            raise InvalidInput(
                f"Parameter {name!r} must be a Float, Int, Ordinal, Choice or "
                f"Constant, but got {parameter!r}. For one value use `Constant(...)`, "
                "for a list `Choice([...])` or `Ordinal([...])`."
            )
    return dict(parameters)
