"""A network with choices, as a search wants it: a space, and a description for each.

Architecture and training recipe are then one space: `tw.search(problem, space,
network=tree)`.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

import equinox as eqx
import jax
import numpy as np

from thalweg.architectures.pricing import price
from thalweg.architectures.vocabulary import fixed, parameters_of, switched
from thalweg.core.errors import InvalidInput, unknown_name
from thalweg.core.typing import Config
from thalweg.spaces import Space
from thalweg.training.foreign import as_description

WAYS = ("auto", "data", "shapes")
_HOW = {True: "one program for all", False: "a program for each architecture"}


class Searchable:
    """What a tree of layers, or a module of somebody's own, can become.

    **how**: "data" keeps the alternatives in one compiled program and chooses by data;
    "shapes" makes a program of each architecture; "auto" takes data where the shapes
    allow it and it pays for so many `trials` in so many `seconds` (see `pricing`).
    `inputs` and `outputs` are those of the problem, `x` a batch of its rows (without
    one, nothing is priced). `why` says in a sentence what was chosen.

    Raises InvalidInput for a tree that does not fit the inputs.
    """

    def __init__(
        self,
        tree: Any,
        inputs: Any,
        outputs: int,
        *,
        how: Literal["auto", "data", "shapes"] = "auto",
        x: Any = None,
        trials: float = math.inf,
        seconds: float = math.inf,
    ):
        if how not in WAYS:
            raise unknown_name("way", how, WAYS)
        self.tree = tree
        self._table = parameters_of(tree)
        self.as_data = how != "shapes" and self._fits(inputs, outputs, how == "data")
        self.why = f"{_HOW[self.as_data]}, as was asked"
        if how == "auto":
            self.why = f"{_HOW[self.as_data]}: the architectures' shapes differ"
        if how == "auto" and self.as_data and self._table:
            self._weigh(inputs, outputs, x, trials, seconds)

    @property
    def parameters(self) -> frozenset[str]:
        """Names of the parameters that are the network's."""
        return frozenset(self._table)

    def __call__(self, config: Mapping[str, Any]) -> Any:
        """The description of the network that `config`, its own part, decides."""
        lower = switched if self.as_data else fixed
        return as_description(lower(self.tree, config))

    def alone(self, config: Mapping[str, Any]) -> Any:
        """The description with nothing in it that the network does not use.

        `config` may have parameters that are not the network's.
        """
        own = {k: v for k, v in config.items() if k in self._table}
        return as_description(fixed(self.tree, own))

    def joined(self, space: Space | None) -> Space:
        """The network's parameters and those of its training, as one space."""
        recipe = {} if space is None else dict(space.parameters)
        if twice := sorted(self.parameters & set(recipe)):
            raise InvalidInput(
                f"The network's choices and the recipe's need different names, but "
                f"{', '.join(map(repr, twice))} are both. Give the network's a label."
            )
        return Space({**self._table, **recipe})

    def _weigh(
        self, inputs: Any, outputs: int, x: Any, trials: float, seconds: float
    ) -> None:
        """Choose by what compiling costs."""
        self.why = f"{_HOW[True]}: the architectures' shapes allow it"
        if x is None:
            return
        all_in_one, single = self._middle(switched), self._middle(fixed)
        own = jax.tree.map(lambda leaf: leaf[0], inputs)
        found = price(all_in_one, single, own, outputs, x)
        self.as_data = found.together_pays(trials, seconds)
        self.why = (
            f"{_HOW[self.as_data]}: one for all compiles in about "
            f"{found.together:.0f} s, one for each in about {found.alone:.0f} s"
        )

    def _fits(self, inputs: Any, outputs: int, needed: bool) -> bool:
        """Whether the alternatives have equal shapes; raises where they must."""
        description = self._middle(switched)
        one = jax.tree.map(lambda leaf: leaf[0], inputs)
        try:
            eqx.filter_eval_shape(
                lambda d: d.build(one, outputs, key=jax.random.key(0)), description
            )
        except InvalidInput:
            if needed:
                raise
            return False
        return True

    def _middle(self, lower: Callable[[Any, Config], Any]) -> Any:
        """The description of some configuration, lowered so."""
        if not self._table:
            return as_description(self.tree)
        space = Space(self._table)
        return as_description(
            lower(self.tree, space.decode(np.full((1, space.dim), 0.5))[0])
        )
