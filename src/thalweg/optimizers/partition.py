"""Several optimizers, each for the parameters whose paths it is given.

    partition({"kernel": Muon(0.02), "embedding": SGD(0.1), "*": AdamW(1e-3)})

A pattern (`fnmatch`) is held against a leaf's whole path, "layers/0/kernel", and
against its last name, "kernel"; the first pattern that matches decides.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from thalweg.core.errors import InvalidInput
from thalweg.core.typing import Params
from thalweg.optimizers.base import AbstractOptimizer, under
from thalweg.schedules.base import is_schedule, known


class Row(NamedTuple):
    """Which rule a parameter follows."""

    path: str
    shape: tuple[int, ...]
    rule: str  # "*bias: weight_decay x 0", or "as it is"


@dataclass(frozen=True)
class Rules:
    """Which rule each parameter follows; printed, a table."""

    rows: tuple[Row, ...]

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __str__(self) -> str:
        cells = [(row.path, str(row.shape), row.rule) for row in self.rows]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)][:2]
        lines = [
            f"{path:{widths[0]}}  {shape:{widths[1]}}  {rule}"
            for path, shape, rule in cells
        ]
        return "\n".join(lines)


class Partition(AbstractOptimizer[tuple[Any, ...]]):
    """See `partition`."""

    optimizers: tuple[AbstractOptimizer[Any], ...]
    patterns: tuple[str, ...] = eqx.field(static=True)
    strict: bool = eqx.field(static=True, default=True)

    def init(self, params: Params) -> tuple[Any, ...]:
        parts = zip(self.optimizers, self._split(params, params), strict=True)
        return tuple(optimizer.init(part) for optimizer, part in parts)

    def update(
        self, grads: Params, state: tuple[Any, ...], params: Params
    ) -> tuple[Params, tuple[Any, ...]]:
        grads, params = self._split(grads, params), self._split(params, params)
        parts = zip(self.optimizers, grads, state, params, strict=True)
        done = [optimizer.update(g, s, p) for optimizer, g, s, p in parts]
        updates, states = zip(*done, strict=True)
        return eqx.combine(*updates), states

    def observe(
        self, state: tuple[Any, ...], loss: Float[Array, ""]
    ) -> tuple[Any, ...]:
        parts = zip(self.optimizers, state, strict=True)
        return tuple(optimizer.observe(s, loss) for optimizer, s in parts)

    def solution(self, params: Params, state: tuple[Any, ...]) -> Params:
        parts = zip(self.optimizers, self._split(params, params), state, strict=True)
        return eqx.combine(*(o.solution(part, s) for o, part, s in parts))

    def current(self, state: tuple[Any, ...]) -> dict[str, Array]:
        found = {}
        parts = zip(self.patterns, self.optimizers, state, strict=True)
        for pattern, optimizer, own in parts:
            found |= under(pattern, optimizer.current(own))
        return found

    def describe(self, params: Params) -> Rules:
        """Which optimizer updates each parameter: print it."""
        texts = [
            f"{pattern}: {summary(optimizer)}"
            for pattern, optimizer in zip(self.patterns, self.optimizers, strict=True)
        ]
        return rules(params, self.patterns, texts)

    def _split(self, tree: Params, params: Params) -> list[Params]:
        """`tree` once per pattern, with None in place of the others' leaves."""
        groups = groups_of(params, self.patterns)
        if self.strict:
            check_used(params, self.patterns)
        for path, group in jax.tree_util.tree_leaves_with_path(groups):
            if group == len(self.patterns):
                raise InvalidInput(
                    "Every parameter needs an optimizer, but no pattern matches "
                    f"{name_of(path)!r}. Add '*' as the last pattern."
                )
        return [
            jax.tree.map(lambda g, x, n=n: x if g == n else None, groups, tree)
            for n in range(len(self.patterns))
        ]


def partition(
    rules: Mapping[str, AbstractOptimizer[Any]], *, strict: bool = True
) -> Partition:
    """One optimizer of several, by pattern; `print(it.describe(params))` tells.

    Each sees its own parameters alone: what looks at all of them (clipping by global
    norm, SAM) belongs around the partition.

    Raises InvalidInput for a rule that is no optimizer; and, when it meets parameters,
    for one that no pattern matches, and unless `strict=False` for a pattern that
    decides for none.
    """
    for pattern, optimizer in rules.items():
        if not isinstance(optimizer, AbstractOptimizer):
            raise InvalidInput(
                f"`partition` takes an optimizer per pattern, but {pattern!r} has "
                f"{optimizer!r}. For example: partition({{'kernel': Muon(), '*': "
                "AdamW()})."
            )
    return Partition(tuple(rules.values()), tuple(rules), strict)


def summary(optimizer: AbstractOptimizer[Any]) -> str:
    """The optimizer's name and hyper-parameters."""

    def text(value: Any) -> str:
        numbers = known(value)
        if numbers.ndim == 0:
            return f"{numbers:.6g}"
        return type(value).__name__ if is_schedule(value) else "..."

    fields = optimizer.__dataclass_fields__.values()
    names = [field.name for field in fields if field.metadata.get("hyper")]
    parts = [f"{name}={text(getattr(optimizer, name))}" for name in names]
    return f"{type(optimizer).__name__}({', '.join(parts)})"


def name_of(path: Any) -> str:
    """A leaf's path as patterns see it: "layers/0/kernel"."""
    return jax.tree_util.keystr(path, simple=True, separator="/")


def groups_of(params: Params, patterns: Sequence[str]) -> PyTree[int]:
    """The number of the first pattern that matches each leaf; their count for none."""

    def group(path: Any, _: Any) -> int:
        names = (name_of(path), name_of(path[-1:]))
        for number, pattern in enumerate(patterns):
            if any(fnmatchcase(name, pattern) for name in names):
                return number
        return len(patterns)

    return jax.tree_util.tree_map_with_path(group, params)


def check_used(params: Params, patterns: Sequence[str]) -> None:
    """Raises InvalidInput for a pattern that decides for no leaf."""
    used = set(jax.tree.leaves(groups_of(params, patterns)))
    for number, pattern in enumerate(patterns):
        if number not in used:
            leaves = jax.tree_util.tree_leaves_with_path(params)
            paths = ", ".join([name_of(path) for path, _ in leaves][:10])
            raise InvalidInput(
                f"Every pattern must decide for a parameter, but {pattern!r} is "
                f"the first match of none. Parameters: {paths or 'none'}. Correct "
                "or reorder the patterns, or use `strict=False`."
            )


def rules(params: Params, patterns: Sequence[str], texts: Sequence[str]) -> Rules:
    """The text of each leaf's pattern; "as it is" where none matches."""
    groups = jax.tree.leaves(groups_of(params, patterns))
    leaves = jax.tree_util.tree_leaves_with_path(params)
    texts = [*texts, "as it is"]
    return Rules(
        tuple(
            Row(name_of(path), jnp.shape(leaf), texts[group])
            for (path, leaf), group in zip(leaves, groups, strict=True)
        )
    )
