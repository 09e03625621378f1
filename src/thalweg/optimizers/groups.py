"""Other hyper-parameters for some of the parameters, chosen by path.

    Groups(AdamW(), {"*bias": {"weight_decay": 0}, "layers/0/*": {"learning_rate":
    0.1}})

The numbers are *multipliers* of the optimizer's own hyper-parameters, and array leaves:
so they keep their meaning under a schedule and when the hyper-parameter itself is
searched. A pattern (`fnmatch`) is held against a leaf's whole path, "layers/0/kernel",
and against its last name, "kernel"; the first pattern that matches decides, and a leaf
that none matches takes the optimizer as it is.
"""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from thalweg.core.errors import InvalidInput
from thalweg.core.hyper import as_leaf
from thalweg.core.packing import Packing
from thalweg.core.typing import Params
from thalweg.optimizers.base import AbstractOptimizer, hyper_parameters, scaled

# Hyper-parameters that are multiplied with parameters and gradients alone.
PER_ENTRY = frozenset({"weight_decay", "l2"})


class Row(NamedTuple):
    """Which rule a parameter follows, for a printed report."""

    path: str
    shape: tuple[int, ...]
    rule: str  # "*bias: weight_decay x 0", or "as it is"


class Groups(AbstractOptimizer[tuple[Any, ...]]):
    """One optimizer with different rates or decays for parts of a network.

    Each group is updated by itself, so inside the step only scalars are added. An
    optimizer that looks at all gradients at once (clipping by global norm) sees only
    one group's: put it around (`chain(ClipByGlobalNorm(), Groups(...))`).

    Raises `UnknownName` for a hyper-parameter that the optimizer hasn't, and
    `InvalidInput` when it meets parameters and a pattern matches none of them, unless
    `strict=False`.
    """

    optimizer: AbstractOptimizer[Any]
    factors: tuple[dict[str, Array], ...]
    patterns: tuple[str, ...] = eqx.field(static=True)
    strict: bool = eqx.field(static=True)

    def __init__(
        self,
        optimizer: AbstractOptimizer[Any],
        rules: Mapping[str, Mapping[str, Any]],
        *,
        strict: bool = True,
    ):
        self.optimizer = optimizer
        self.patterns = tuple(rules)
        self.factors = tuple(
            {name: as_leaf(factor) for name, factor in rule.items()}
            for rule in rules.values()
        )
        self.strict = strict
        for rule in self.factors:
            scaled(optimizer, rule)  # raises for unknown names

    def init(self, params: Params) -> tuple[Any, ...]:
        return tuple(
            optimizer.init(part)
            for optimizer, part in zip(
                self._optimizers(), self._split(params, params), strict=True
            )
        )

    def update(
        self, grads: Params, state: tuple[Any, ...], params: Params
    ) -> tuple[Params, tuple[Any, ...]]:
        parts = zip(
            self._optimizers(),
            self._split(grads, params),
            state,
            self._split(params, params),
            strict=True,
        )
        done = [optimizer.update(g, s, p) for optimizer, g, s, p in parts]
        updates, states = zip(*done, strict=True)
        return eqx.combine(*updates), states

    def observe(
        self, state: tuple[Any, ...], loss: Float[Array, ""]
    ) -> tuple[Any, ...]:
        return tuple(
            optimizer.observe(s, loss)
            for optimizer, s in zip(self._optimizers(), state, strict=True)
        )

    def solution(self, params: Params, state: tuple[Any, ...]) -> Params:
        parts = zip(self._optimizers(), self._split(params, params), state, strict=True)
        return eqx.combine(*(o.solution(part, s) for o, part, s in parts))

    def on_vectors(self, packing: Packing) -> AbstractOptimizer[Any] | None:
        """Factors become vectors, where they are numbers and only ever meet entries."""
        inner = self.optimizer.on_vectors(packing)
        names = sorted({name for rule in self.factors for name in rule})
        numbers = all(eqx.is_array(f) for rule in self.factors for f in rule.values())
        one_vector = len(packing.sizes) == 1 and numbers and PER_ENTRY.issuperset(names)
        if inner is None or not one_vector:
            return None
        rules = [*self.factors, {}]
        groups = jax.tree.leaves(self._groups(packing.shapes))

        def vector(name: str) -> Array:
            parts = [
                jnp.full(slot.end - slot.begin, rules[group].get(name, 1.0))
                for slot, group in zip(packing.slots, groups, strict=True)
            ]
            return jnp.concatenate(parts)

        return scaled(inner, {name: vector(name) for name in names})

    def describe(self, params: Params) -> list[Row]:
        """Which rule each parameter follows."""
        rows = []
        for path, leaf in jax.tree_util.tree_leaves_with_path(params):
            group = self._group(_name(path))
            rows.append(Row(_name(path), jnp.shape(leaf), self._rule(group)))
        return rows

    def _optimizers(self) -> list[AbstractOptimizer[Any]]:
        """One per pattern, and the unchanged one last."""
        return [
            *(scaled(self.optimizer, rule) for rule in self.factors),
            self.optimizer,
        ]

    def _group(self, path: str) -> int:
        names = (path, path.rsplit("/", 1)[-1])
        for number, pattern in enumerate(self.patterns):
            if any(fnmatchcase(name, pattern) for name in names):
                return number
        return len(self.patterns)

    def _groups(self, params: Params) -> PyTree[int]:
        """The group of each leaf."""
        groups = jax.tree_util.tree_map_with_path(
            lambda path, _: self._group(_name(path)), params
        )
        if self.strict:
            self._check(params, set(jax.tree.leaves(groups)))
        return groups

    def _split(self, tree: Params, params: Params) -> list[Params]:
        """`tree` once per group, with None in place of the other groups' leaves."""
        groups = self._groups(params)
        return [
            jax.tree.map(lambda g, x, n=n: x if g == n else None, groups, tree)
            for n in range(len(self.patterns) + 1)
        ]

    def _check(self, params: Params, used: set[int]) -> None:
        for number, pattern in enumerate(self.patterns):
            if number not in used:
                leaves = jax.tree_util.tree_leaves_with_path(params)
                paths = ", ".join([_name(path) for path, _ in leaves][:10])
                raise InvalidInput(
                    f"Every pattern must decide for a parameter, but {pattern!r} is "
                    f"the first match of none. Parameters: {paths or 'none'}. Correct "
                    "or reorder the patterns, or use `strict=False`."
                )

    def _rule(self, group: int) -> str:
        if group == len(self.patterns):
            return "as it is"
        factors = [
            f"{name} × {factor:.6g}" if eqx.is_array(factor) else f"{name} × schedule"
            for name, factor in self.factors[group].items()
        ]
        return f"{self.patterns[group]}: {', '.join(factors) or 'as it is'}"


def decay_only(
    optimizer: AbstractOptimizer[Any],
    names: Sequence[str] = ("kernel", "embedding"),
) -> AbstractOptimizer[Any]:
    """The optimizer with `weight_decay` and `l2` only on leaves of these last names.

    The usual rule: biases and normalisation scales are left alone.
    """
    decays = hyper_parameters(optimizer) & {"weight_decay", "l2"}
    if not decays:
        return optimizer
    rules: dict[str, dict[str, float]] = {name: {} for name in names}
    rules["*"] = dict.fromkeys(sorted(decays), 0.0)
    return Groups(optimizer, rules, strict=False)


def _name(path: Any) -> str:
    return jax.tree_util.keystr(path, simple=True, separator="/")
