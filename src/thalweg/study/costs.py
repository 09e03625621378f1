"""What a configuration's network costs, as objectives beside the loss."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import numpy as np

from thalweg.architectures import cost_of, latency
from thalweg.core.errors import InvalidInput, unknown_name
from thalweg.core.typing import Config
from thalweg.problem import Problem
from thalweg.proposers import AbstractProposer

COUNTED = ("parameters", "multiply_adds", "flops", "peak_bytes")
COSTS = (*COUNTED, "latency")  # latency: seconds of one inference call, measured here


class Costs:
    """Measures the networks of configurations, each network once.

    **describe**: makes the description of a configuration's network, with nothing in
    it that the network does not use.

    Raises UnknownName for a cost that is not one of `COSTS`.
    """

    def __init__(
        self,
        names: Sequence[str],
        describe: Callable[[Config], Any],
        problem: Problem,
    ):
        for name in names:
            if name not in COSTS:
                raise unknown_name("objective", name, ("loss", *COSTS))
        self.names, self._describe = tuple(names), describe
        self._inputs, self._outputs = _inputs(problem), problem.outputs
        self._known: dict[Any, Mapping[str, float]] = {}

    def __call__(self, config: Config) -> Mapping[str, float]:
        """The costs by name."""
        description = self._describe(config)
        key = _key(description)
        if key not in self._known:
            self._known[key] = self._measure(description)
        return self._known[key]

    def _measure(self, description: Any) -> Mapping[str, float]:
        counted = cost_of(description, self._inputs, self._outputs)
        found = {n: float(getattr(counted, n)) for n in self.names if n in COUNTED}
        if "latency" in self.names:
            seconds = latency(description, self._inputs, self._outputs)
            found["latency"] = seconds
        return {name: found[name] for name in self.names}


def _inputs(problem: Problem) -> Any:
    """What a description is built for, or a row of what it is called with."""
    if problem.inputs is None:
        return jax.tree.map(lambda leaf: leaf[0, :1], problem.x)
    return jax.tree.map(lambda leaf: leaf[0], problem.inputs)


def _key(description: Any) -> Any:
    """Equal for equal descriptions."""
    leaves, structure = jax.tree.flatten(description)
    parts = [
        np.asarray(leaf).tobytes() if eqx.is_array_like(leaf) else leaf
        for leaf in leaves
    ]
    return structure, tuple(parts)


def check_objectives(proposer: AbstractProposer[Any], names: Sequence[str]) -> None:
    """Raises InvalidInput if the proposer can't take as many objectives."""
    most = proposer.objectives
    if most is not None and len(names) > most:
        raise InvalidInput(
            f"{type(proposer).__name__} takes {most} objective, but got "
            f"{len(names)}: {', '.join(names)}. "
            "Take another proposer, or make one number of them."
        )
