"""Which parameters exist where: the conditions' order, checks and counting."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64

from thalweg.core.errors import InvalidInput, unknown_name
from thalweg.spaces.parameter import AbstractDiscrete, AbstractParameter

Table = Mapping[str, AbstractParameter]


def parents_first(parameters: Table) -> tuple[str, ...]:
    """The names, every parent before its children. Raises on cycles and strangers."""
    order: list[str] = []
    path: list[str] = []

    def visit(name: str) -> None:
        if name in order:
            return
        if name in path:
            cycle = " -> ".join([*path[path.index(name) :], name])
            raise InvalidInput(f"Conditions must not form a cycle, but got {cycle}.")
        path.append(name)
        for condition in parameters[name].conditions:
            if condition.parent not in parameters:
                error = unknown_name("parent", condition.parent, parameters)
                raise type(error)(f"Parameter {name!r} has a condition on it: {error}")
            visit(condition.parent)
        path.pop()
        order.append(name)

    for name in parameters:
        visit(name)
    return tuple(order)


def allowed_cells(parameters: Table, name: str) -> list[tuple[str, tuple[int, ...]]]:
    """For each condition of `name`: its parent, and the parent's cells that meet it."""
    found = []
    for condition in parameters[name].conditions:
        parent = parameters[condition.parent]
        if not isinstance(parent, AbstractDiscrete):
            raise InvalidInput(
                f"The condition of {name!r} needs a parent of discrete values, but "
                f"{condition.parent!r} is {parent!r}. Use `Int`, `Ordinal` or `Choice`."
            )
        try:
            cells = tuple(sorted({parent.find(v) for v in condition.values}))
        except InvalidInput as error:
            raise InvalidInput(
                f"The condition of {name!r} on {condition.parent!r} can't be met: "
                f"{error}"
            ) from None
        found.append((condition.parent, cells))
    return found


class Activity:
    """Tells where each parameter exists. Built once per space."""

    def __init__(self, parameters: Table):
        self.parameters = parameters
        self.order = parents_first(parameters)
        self.cells = {name: allowed_cells(parameters, name) for name in self.order}

    def __call__(
        self, columns: Mapping[str, Float64[np.ndarray, " n"]]
    ) -> dict[str, Bool[np.ndarray, " n"]]:
        """Whether each parameter exists, given every parameter's unit coordinate."""
        active: dict[str, np.ndarray] = {}
        for name in self.order:
            exists = np.ones(len(columns[name]), bool)
            for parent, cells in self.cells[name]:
                discrete = self.parameters[parent]
                assert isinstance(discrete, AbstractDiscrete)
                exists &= active[parent]
                exists &= np.isin(discrete.index(columns[parent]), cells)
            active[name] = exists
        return active

    def exists(self, name: str, config: Mapping[str, Any]) -> bool:
        """Whether `name` exists, given the values of its parents that exist."""
        for parent, cells in self.cells[name]:
            discrete = self.parameters[parent]
            assert isinstance(discrete, AbstractDiscrete)
            if parent not in config or discrete.find(config[parent]) not in cells:
                return False
        return True

    def count(self) -> int:
        """The number of distinct configurations of discrete parameters."""
        return math.prod(self._count(family, {}) for family in self._families())

    def _families(self) -> list[list[str]]:
        """Names that conditions connect, each family with its parents first."""
        root = {name: name for name in self.order}

        def find(name: str) -> str:
            while root[name] != name:
                name = root[name]
            return name

        for name in self.order:
            for parent, _ in self.cells[name]:
                root[find(name)] = find(parent)
        families: dict[str, list[str]] = {}
        for name in self.order:
            families.setdefault(find(name), []).append(name)
        return list(families.values())

    def _count(self, names: list[str], cells: dict[str, int | None]) -> int:
        """Configurations of `names`, given the cells of those before (None: absent)."""
        if not names:
            return 1
        name, rest = names[0], names[1:]
        if not all(cells[parent] in met for parent, met in self.cells[name]):
            return self._count(rest, {**cells, name: None})
        levels = self.parameters[name].levels
        assert levels is not None
        uses = [set(c) for n in rest for parent, c in self.cells[n] if parent == name]
        # cells that no child tells apart count alike; most are named by no child
        named = sorted(set().union(*uses))
        alike: dict[tuple[bool, ...], list[int]] = {}
        for cell in named:
            alike.setdefault(tuple(cell in use for use in uses), []).append(cell)
        groups = [(group[0], len(group)) for group in alike.values()]
        if levels > len(named):
            other = next(c for c in range(levels) if c not in named)
            groups.append((other, levels - len(named)))
        return sum(
            size * self._count(rest, {**cells, name: cell}) for cell, size in groups
        )
