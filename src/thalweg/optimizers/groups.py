"""Other hyper-parameters for some of the parameters, chosen by path.

    Groups(AdamW(), {"*bias": {"weight_decay": 0}, "layers/0/*": {"learning_rate":
    0.1}})

The numbers are *multipliers* of the optimizer's own hyper-parameters, and array leaves:
so they keep their meaning under a schedule and when the hyper-parameter itself is
searched. Patterns are those of `partition`; a leaf that none matches takes the
optimizer as it is.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from thalweg.core.hyper import as_leaf
from thalweg.core.packing import Packing
from thalweg.core.typing import Params
from thalweg.optimizers.base import (
    AbstractOptimizer,
    hyper_parameters,
    scaled,
    under,
)
from thalweg.optimizers.partition import (
    Partition,
    Rules,
    check_used,
    groups_of,
    rules,
)

# Hyper-parameters that are multiplied with parameters and gradients alone.
PER_ENTRY = frozenset({"weight_decay", "l2"})


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
        self._check(params)
        return self._parts.init(params)

    def update(
        self, grads: Params, state: tuple[Any, ...], params: Params
    ) -> tuple[Params, tuple[Any, ...]]:
        return self._parts.update(grads, state, params)

    def observe(
        self, state: tuple[Any, ...], loss: Float[Array, ""]
    ) -> tuple[Any, ...]:
        return self._parts.observe(state, loss)

    def solution(self, params: Params, state: tuple[Any, ...]) -> Params:
        return self._parts.solution(params, state)

    def current(self, state: tuple[Any, ...]) -> dict[str, Array]:
        """Of each group what differs; the rest as the optimizer has it."""
        found = self.optimizer.current(state[-1])
        parts = self._parts.optimizers[:-1], state[:-1]
        groups = zip(self.patterns, self.factors, *parts, strict=True)
        for pattern, factors, optimizer, own in groups:
            values = optimizer.current(own)
            changed = {n: v for n, v in values.items() if n.split("/")[-1] in factors}
            found |= under(pattern, changed)
        return found

    def on_vectors(self, packing: Packing) -> AbstractOptimizer[Any] | None:
        """Factors become vectors, where they are numbers and only ever meet entries."""
        inner = self.optimizer.on_vectors(packing)
        names = sorted({name for rule in self.factors for name in rule})
        numbers = all(eqx.is_array(f) for rule in self.factors for f in rule.values())
        one_vector = len(packing.sizes) == 1 and numbers and PER_ENTRY.issuperset(names)
        if inner is None or not one_vector:
            return None
        self._check(packing.shapes)
        factors = [*self.factors, {}]
        groups = jax.tree.leaves(groups_of(packing.shapes, self.patterns))

        def vector(name: str) -> Array:
            parts = [
                jnp.full(slot.end - slot.begin, factors[group].get(name, 1.0))
                for slot, group in zip(packing.slots, groups, strict=True)
            ]
            return jnp.concatenate(parts)

        return scaled(inner, {name: vector(name) for name in names})

    def describe(self, params: Params) -> Rules:
        """Which rule each parameter follows: print it."""
        return rules(params, self.patterns, [*map(_text, self.patterns, self.factors)])

    def _check(self, params: Params) -> None:
        if self.strict:
            check_used(params, self.patterns)

    @property
    def _parts(self) -> Partition:
        """An optimizer per pattern, and the unchanged one for what none matches."""
        parts = (*(scaled(self.optimizer, f) for f in self.factors), self.optimizer)
        return Partition(parts, (*self.patterns, "*"), strict=False)


def _text(pattern: str, factors: Mapping[str, Any]) -> str:
    """A rule in words."""
    words = [
        f"{name} × {factor:.6g}" if eqx.is_array(factor) else f"{name} × schedule"
        for name, factor in factors.items()
    ]
    return f"{pattern}: {', '.join(words) or 'as it is'}"


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
