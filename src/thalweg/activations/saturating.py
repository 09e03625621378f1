"""Activations that flatten on at least one side without a kink, and the identity."""

import math
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from thalweg.activations.base import Activation, Traits, number, parameter, read
from thalweg.activations.vectorized import arctan

INF = math.inf


class Linear(Activation):
    """The identity: for regression outputs, and as the control in a comparison."""

    def __call__(self, x: Float[Array, "*n"]) -> Float[Array, "*n"]:
        return x

    def describe(self) -> Traits:
        return Traits("x", (-INF, INF))


class Exponential(Activation):
    """For positive outputs such as rates; as a hidden unit it overflows easily."""

    def __call__(self, x: Float[Array, "*n"]) -> Float[Array, "*n"]:
        return jnp.exp(x)

    def describe(self) -> Traits:
        return Traits("e^x", (0.0, INF), saturates=(True, False))


class Sigmoid(Activation):
    """The logistic curve with a slope `a`, given or learned.

    Its derivative is at most `a/4`, so deep stacks of it starve the first layers.
    """

    slope: Any  # a; `Fixed` unless learnable

    def __init__(self, slope: Any = 1.0, *, learnable: bool = False):
        self.slope = parameter(slope, learnable=learnable)

    def __call__(self, x: Float[Array, "*n"]) -> Float[Array, "*n"]:
        return jax.nn.sigmoid(read(self.slope, x) * x)

    def describe(self) -> Traits:
        a = number(self.slope)
        if a == 0:
            half = (0.5, 0.5)
            return Traits("1/2", half, attained=(True, True), saturates=(True, True))
        return Traits(f"1 / (1 + e^(-{a:g} x))", (0.0, 1.0), saturates=(True, True))


class Tanh(Activation):
    """The hyperbolic tangent: zero-centred, for recurrent cells and small networks."""

    def __call__(self, x: Float[Array, "*n"]) -> Float[Array, "*n"]:
        return jnp.tanh(x)

    def describe(self) -> Traits:
        formula = "(e^x - e^-x) / (e^x + e^-x)"
        return Traits(formula, (-1.0, 1.0), saturates=(True, True))


class Arctan(Activation):
    """Like tanh with tails that flatten as 1/x², so large inputs still learn."""

    def __call__(self, x: Float[Array, "*n"]) -> Float[Array, "*n"]:
        return arctan(x)

    def describe(self) -> Traits:
        half = math.pi / 2
        return Traits("arctan(x)", (-half, half), saturates=(True, True))
