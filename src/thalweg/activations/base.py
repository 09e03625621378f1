"""What an activation is, and what can be said about it."""

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from thalweg.core.hyper import as_leaf
from thalweg.core.trainable import Fixed, unwrap


@dataclass(frozen=True)
class Traits:
    """The facts about a function of one real variable that decide where it fits."""

    formula: str
    range: tuple[float, float]  # infimum and supremum
    attained: tuple[bool, bool] = (False, False)  # … and whether they are reached
    saturates: tuple[bool, bool] = (False, False)  # f' -> 0 as x -> -inf, +inf
    kinks: tuple[float, ...] = ()  # where the derivative jumps
    smoothness: int | float = math.inf  # how many derivatives are continuous

    @property
    def continuity(self) -> str:
        """Every activation here is continuous; the word says how smooth it is."""
        order = "∞" if math.isinf(self.smoothness) else f"{self.smoothness:.0f}"
        return f"continuous (C{order})"

    @property
    def differentiability(self) -> str:
        """Where the derivative exists."""
        if not self.kinks:
            return "everywhere"
        return "except at " + ", ".join(f"{x:g}" for x in self.kinks)

    @property
    def saturation(self) -> str:
        """On which sides the derivative, and with it the gradient, vanishes."""
        return {
            (False, False): "none",
            (True, False): "left",
            (False, True): "right",
            (True, True): "both",
        }[self.saturates]

    @property
    def interval(self) -> str:
        """The range as it is written in a text: `[0, inf)`."""
        low, high = (f"{x:.6g}" for x in self.range)
        left, right = self.attained
        return f"{'[' if left else '('}{low}, {high}{']' if right else ')'}"


class Activation(eqx.Module):
    """A function of each unit by itself; its own parameters are leaves."""

    @abstractmethod
    def __call__(self, x: Float[Array, "*n"]) -> Float[Array, "*n"]:
        """The function, elementwise; the dtype of `x` is kept."""

    @abstractmethod
    def describe(self) -> Traits:
        """Formula, continuity, differentiability, range and saturation."""


def parameter(value: Any, *, learnable: bool) -> Any:
    """A parameter of an activation: a leaf that training changes, or a `Fixed` one."""
    leaf = as_leaf(value)
    return leaf if learnable else Fixed(leaf)


def read(value: Any, like: Float[Array, "*n"]) -> Float[Array, ""]:
    """A parameter in the dtype of the numbers it meets."""
    return jnp.asarray(unwrap(value), like.dtype)


def number(value: Any) -> float:
    """A parameter as a Python number, for descriptions."""
    return float(unwrap(value))
