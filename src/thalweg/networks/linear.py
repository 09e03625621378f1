"""The linear layer, and the diagonal one that RealMLP puts before the first."""

import math

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, UInt32

from thalweg.core.typing import Hyper
from thalweg.networks.initializers import VarianceScaling
from thalweg.networks.randomness import place, uniform


class Linear(eqx.Module):
    """`x @ kernel + bias`, divided by the root of the inputs if `ntk`.

    In the neural tangent parametrisation (Jacot et al. 2018,
    https://arxiv.org/abs/1806.07572) the kernel starts with a variance that does not
    depend on the width, so the function at the start is the same and its kernel moves
    as if its learning rate were divided by the inputs.
    """

    kernel: Float[Array, "i o"]
    bias: Float[Array, " o"]
    ntk: bool = eqx.field(static=True, default=False)

    def __call__(
        self, x: Float[Array, "b i"], scaling: "Scaling | None" = None
    ) -> Float[Array, "b o"]:
        kernel = self.kernel
        if scaling is not None:
            # on the kernel, not on x: its gradient then costs no matrix product
            kernel = scaling.scale[:, None] * kernel
        y = x @ kernel
        if self.ntk:
            y = y * (1 / math.sqrt(self.kernel.shape[0]))
        return y + self.bias

    @staticmethod
    def build(
        fan_in: int,
        fan_out: int,
        *,
        init: VarianceScaling,
        bias_scale: Hyper | float = 0.0,
        ntk: bool = False,
        seed: UInt32[Array, ""],
    ) -> "Linear":
        """Biases are uniform in ± `bias_scale / sqrt(fan_in)`, so 0 means zeros."""
        kernel = init.sample(place(seed, 0), (fan_in, fan_out))
        if ntk:
            kernel = kernel * math.sqrt(fan_in)
        bias = uniform(place(seed, 1), (fan_out,)) / math.sqrt(fan_in)
        return Linear(kernel, bias * bias_scale, ntk)


class Scaling(eqx.Module):
    """A learned factor for each input of a linear layer: soft feature selection.

    RealMLP's scaling layer: Holzmueller et al. 2024, section 3,
    https://arxiv.org/abs/2407.04491
    """

    scale: Float[Array, " d"]

    @staticmethod
    def build(width: int) -> "Scaling":
        """Ones: the identity."""
        return Scaling(jnp.ones(width))
