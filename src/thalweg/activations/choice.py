"""An activation whose kind is data: one compiled program for all of them.

Inside a loop over members `lax.switch` runs only the branch it names. Differentiated as
it stands, a switch stores the residuals of every branch; the rule here stores only the
input, and recomputes the derivative of the one branch.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from thalweg.activations.base import Activation, Traits
from thalweg.core.errors import InvalidInput
from thalweg.core.trainable import partition


class Choice(Activation):
    """`alternatives[index]`; an index outside the range names the nearest end."""

    alternatives: tuple[Activation, ...]
    index: Int[Array, "*p"]

    def __check_init__(self) -> None:
        if not self.alternatives:
            raise InvalidInput("A choice of activations needs at least one name.")
        if jax.tree.leaves(partition(self.alternatives)[0]):
            raise InvalidInput(
                "The activations of a choice can't have learnable parameters, "
                "because the choice passes no gradient to them. "
                "Use the learnable activation on its own, or `learnable=False`."
            )

    def __call__(self, x: Float[Array, "*n"]) -> Float[Array, "*n"]:
        return _chosen(self.alternatives, self.index, x)

    def describe(self) -> Traits:
        return self.alternatives[int(self.index)].describe()


def _switch(
    alternatives: tuple[Activation, ...], index: Int[Array, ""], x: Float[Array, "*n"]
) -> Float[Array, "*n"]:
    # a module with array leaves has no hash, which a branch needs: hence `_call`
    return jax.lax.switch(index, [_call(a) for a in alternatives], x)


def _call(activation: Activation) -> Callable[[Any], Any]:
    return lambda x: activation(x)


_chosen = jax.custom_vjp(_switch)


def _forward(alternatives: Any, index: Any, x: Any) -> tuple[Any, Any]:
    # not `_chosen`, so that a gradient can itself be differentiated forwards
    return _switch(alternatives, index, x), (alternatives, index, x)


def _backward(residuals: Any, cotangent: Any) -> tuple[None, None, Any]:
    alternatives, index, x = residuals

    def derivative(activation: Activation) -> Callable[[Any, Any], Any]:
        return lambda x, g: jax.vjp(_call(activation), x)[1](g)[0]

    branches = [derivative(activation) for activation in alternatives]
    return None, None, jax.lax.switch(index, branches, x, cotangent)


_chosen.defvjp(_forward, _backward)


def choose_from(alternatives: Sequence[Activation], index: Any) -> Choice:
    """One of `alternatives`, which one being a leaf that may be traced or stacked."""
    return Choice(tuple(alternatives), jnp.asarray(index, jnp.int32))


__all__ = ["Choice", "choose_from"]
