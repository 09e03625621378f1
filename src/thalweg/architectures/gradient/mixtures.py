"""The places of a supernet where candidates meet, and what may run there."""

from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from thalweg.architectures.spaces.darts import ReducingModule
from thalweg.architectures.vocabulary import Mix, choices_in
from thalweg.core.errors import InvalidInput
from thalweg.core.trainable import partition
from thalweg.networks.layers.sequential import Chain
from thalweg.networks.layers.shape import Reshaping

ByLabel = Mapping[str, Any]  # arrays `[k]`, an entry for each candidate


def mixtures(network: Any) -> dict[str, Mix]:
    """The first mixture of each label.

    Raises InvalidInput if there is none, or if one label has different numbers.
    """
    found: dict[str, Mix] = {}
    for node in choices_in(network):
        if isinstance(node, Mix):
            first = found.setdefault(node.label, node)
            if len(first.branches) != len(node.branches):
                raise InvalidInput(
                    "Choices with one label have equally many candidates, but in "
                    f"{node.label!r} there are {len(first.branches)} and "
                    f"{len(node.branches)}. Give them two labels."
                )
    if not found:
        raise InvalidInput(
            "Weights are shared among the candidates of a `LayerChoice`, but the tree "
            "has none. Put one into it, or use `tw.search`."
        )
    return found


def replaced(network: Any, make: Callable[[Mix], Any]) -> Any:
    """The network with `make(mix)` in the place of each mixture, inner ones first."""

    def is_mix(node: Any) -> bool:
        return isinstance(node, Mix)

    def new(node: Any) -> Any:
        if not is_mix(node):
            return node
        branches = jax.tree.map(new, node.branches, is_leaf=is_mix)
        return make(Mix(branches, node.weights, node.label))

    return jax.tree.map(new, network, is_leaf=is_mix)


def restricted(
    weights: Float[Array, " k"], allowed: Float[Array, " k"]
) -> Float[Array, " k"]:
    """Weights without what is not allowed; 1 for what alone is."""
    return jnp.where(jnp.sum(allowed) == 1, allowed, weights * allowed)


class OneOf(eqx.Module):
    """Runs the `index`-th branch alone, its output times `gate`."""

    branches: tuple[Any, ...]
    index: Int[Array, ""]
    gate: Float[Array, ""]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        def bound(branch: Any) -> Callable[[], Any]:
            return lambda: branch(*args, **kwargs)

        return self.gate * jax.lax.switch(self.index, [bound(b) for b in self.branches])


class Assisted(eqx.Module):
    """A module with its input added to its output, times `strength`."""

    module: Any
    strength: Float[Array, ""]

    def __call__(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        y = self.module(x, *args, **kwargs)
        return y + self.strength * x if jnp.shape(y) == jnp.shape(x) else y


def is_skip(module: Any) -> bool:
    """Whether a candidate hands on its input, were it by `FactorizedReduce`."""
    if isinstance(module, Chain):
        return all(is_skip(one) for one in module.modules)
    if isinstance(module, Reshaping):
        return not module.flattens
    return isinstance(module, ReducingModule | eqx.nn.Identity)


def is_free(module: Any) -> bool:
    """Whether a candidate has no parameters."""
    return not jax.tree.leaves(partition(module)[0])


__all__ = [
    "Assisted",
    "ByLabel",
    "OneOf",
    "is_free",
    "is_skip",
    "mixtures",
    "replaced",
    "restricted",
]
