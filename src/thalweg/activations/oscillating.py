"""Two functions that some texts print under other functions' names."""

import math

import jax.numpy as jnp
from jaxtyping import Array, Float

from thalweg.activations.base import Activation, Traits
from thalweg.activations.vectorized import sine


class SinePi(Activation):
    """`sin(pi x) / pi`, which some texts print under the name of tanh or arctan.

    It is neither: it is periodic, does not saturate, and its gradient changes sign at
    every half. It is shipped under its own name so that such a text can be reproduced.
    """

    def __call__(self, x: Float[Array, "*n"]) -> Float[Array, "*n"]:
        return sine(x / 2) / math.pi

    def describe(self) -> Traits:
        bound = 1 / math.pi
        return Traits("sin(pi x) / pi", (-bound, bound), attained=(True, True))


class SinhPi(Activation):
    """`(e^(pi x) - e^(-pi x)) / pi`, which some texts print as tanh or arctan.

    It is `2 sinh(pi x) / pi`: unbounded, with a derivative of 2 at zero that grows
    exponentially, so a layer of it overflows float32 beyond |x| = 28.
    """

    def __call__(self, x: Float[Array, "*n"]) -> Float[Array, "*n"]:
        return (2 / math.pi) * jnp.sinh(math.pi * x)

    def describe(self) -> Traits:
        return Traits("(e^(pi x) - e^(-pi x)) / pi", (-math.inf, math.inf))
