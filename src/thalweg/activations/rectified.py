"""The family of the rectifier: about zero on the left, about the identity on the right.

ELU: Clevert et al. 2016, https://arxiv.org/abs/1511.07289
GELU: Hendrycks & Gimpel 2016, https://arxiv.org/abs/1606.08415 (exact, by erf)
Leaky ReLU: Maas et al. 2013, "Rectifier nonlinearities improve neural network
acoustic models"
Mish: Misra 2020, https://arxiv.org/abs/1908.08681
SELU: Klambauer et al. 2017, https://arxiv.org/abs/1706.02515
SiLU: Elfwing et al. 2018, https://arxiv.org/abs/1702.03118
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from thalweg.activations.base import Activation, Traits, number, parameter, read

INF = math.inf
SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805
# minima, to the last digit of a double
GELU_MIN = -0.16997120747990369
MISH_MIN = -0.30884341301725043
SILU_MIN = -0.27846454276107374


class ReLU(Activation):
    """max(0, x): the fastest, and the first choice with He initialisation."""

    def __call__(self, x: Float[Array, "*n"]) -> Float[Array, "*n"]:
        return jax.nn.relu(x)

    def describe(self) -> Traits:
        return Traits(
            "max(0, x)",
            (0.0, INF),
            attained=(True, False),
            saturates=(True, False),
            kinks=(0.0,),
            smoothness=0,
        )


class LeakyReLU(Activation):
    """ReLU whose negative side keeps a slope, so that no unit dies."""

    slope: Any  # of the negative side; `Fixed` unless learnable

    def __init__(self, slope: Any = 0.01, *, learnable: bool = False):
        self.slope = parameter(slope, learnable=learnable)

    def __call__(self, x: Float[Array, "*n"]) -> Float[Array, "*n"]:
        return jnp.where(x >= 0, x, read(self.slope, x) * x)

    def describe(self) -> Traits:
        a = number(self.slope)
        formula = f"x if x >= 0 else {a:g} x"
        if a == 1:
            return Traits(formula, (-INF, INF))
        return Traits(
            formula,
            (-INF if a > 0 else 0.0, INF),
            attained=(a <= 0, False),
            saturates=(a == 0, False),
            kinks=(0.0,),
            smoothness=0,
        )


class ELU(Activation):
    """Exponential on the left: outputs whose mean is nearer to zero than ReLU's."""

    alpha: Any  # minus the limit on the left; `Fixed` unless learnable

    def __init__(self, alpha: Any = 1.0, *, learnable: bool = False):
        self.alpha = parameter(alpha, learnable=learnable)

    def __call__(self, x: Float[Array, "*n"]) -> Float[Array, "*n"]:
        # the inner minimum keeps the unused side, and its derivative, finite
        left = read(self.alpha, x) * jnp.expm1(jnp.minimum(x, 0))
        return jnp.where(x > 0, x, left)

    def describe(self) -> Traits:
        a = number(self.alpha)
        return Traits(
            f"x if x > 0 else {a:g} (e^x - 1)",
            (min(-a, 0.0), INF),
            attained=(a <= 0, False),
            saturates=(True, False),
            kinks=() if a == 1 else (0.0,),
            smoothness=1 if a == 1 else 0,
        )


class SELU(Activation):
    """The ELU whose constants keep mean 0 and variance 1; use LeCun initialisation."""

    def __call__(self, x: Float[Array, "*n"]) -> Float[Array, "*n"]:
        left = SELU_ALPHA * jnp.expm1(jnp.minimum(x, 0))
        return SELU_SCALE * jnp.where(x > 0, x, left)

    def describe(self) -> Traits:
        return Traits(
            "1.0507 (x if x > 0 else 1.67326 (e^x - 1))",
            (-SELU_SCALE * SELU_ALPHA, INF),
            saturates=(True, False),
            kinks=(0.0,),
            smoothness=0,
        )


class Softplus(Activation):
    """log(1 + e^x): a smooth ReLU, also for outputs that must be positive."""

    def __call__(self, x: Float[Array, "*n"]) -> Float[Array, "*n"]:
        return jax.nn.softplus(x)

    def describe(self) -> Traits:
        return Traits("log(1 + e^x)", (0.0, INF), saturates=(True, False))


class GELU(Activation):
    """x times the normal distribution function, exact: the transformer's default."""

    def __call__(self, x: Float[Array, "*n"]) -> Float[Array, "*n"]:
        return jax.nn.gelu(x, approximate=False)

    def describe(self) -> Traits:
        return Traits(
            "x (1 + erf(x / sqrt 2)) / 2",
            (GELU_MIN, INF),
            attained=(True, False),
            saturates=(True, False),
        )


class SiLU(Activation):
    """x times its sigmoid, also called swish: smooth, and often better when deep."""

    def __call__(self, x: Float[Array, "*n"]) -> Float[Array, "*n"]:
        return jax.nn.silu(x)

    def describe(self) -> Traits:
        return Traits(
            "x / (1 + e^-x)",
            (SILU_MIN, INF),
            attained=(True, False),
            saturates=(True, False),
        )


class Mish(Activation):
    """x tanh(softplus(x)): smooth, a little steeper than SiLU.

    With n = e^x (e^x + 2) it is x n / (n + 2): one exponential instead of an
    exponential, a logarithm and a tanh.
    """

    def __call__(self, x: Float[Array, "*n"]) -> Float[Array, "*n"]:
        e = jnp.exp(jnp.minimum(x, 20.0))  # beyond 20 the factor is 1 in any dtype
        n = e * (e + 2)
        return x * (n / (n + 2))

    def describe(self) -> Traits:
        return Traits(
            "x tanh(log(1 + e^x))",
            (MISH_MIN, INF),
            attained=(True, False),
            saturates=(True, False),
        )
