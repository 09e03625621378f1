"""How kernels start: their variance from the layer's shape, and their distribution.

Glorot & Bengio 2010, "Understanding the difficulty of training deep feedforward
neural networks"; He et al. 2015, https://arxiv.org/abs/1502.01852; LeCun et al. 1998,
"Efficient BackProp".

All three are `variance = scale / fan`, with a fan between the inputs and the outputs,
so the kind of initialisation is data: nothing but leaves tells one from another.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jax.scipy.special import erfinv
from jaxtyping import Array, Float, UInt32

from thalweg.core.hyper import hyper
from thalweg.core.registry import Registry
from thalweg.core.typing import Hyper
from thalweg.networks.randomness import uniform


class VarianceScaling(eqx.Module):
    """Kernels of variance `scale / (fan_in + (fan_out - fan_in) * outward)`."""

    scale: Hyper = hyper(1.0)
    outward: Hyper = hyper(0.0)  # 0: fan is fan_in; 1/2: the mean; 1: fan_out
    uniform: Hyper = hyper(0.0)  # 1: uniform; 0: normal

    def std(self, fan_in: int, fan_out: int) -> Float[Array, ""]:
        """The standard deviation of a kernel's entries."""
        fan = fan_in + (fan_out - fan_in) * self.outward
        return jnp.sqrt(self.scale / fan)

    def sample(
        self, seed: UInt32[Array, ""], shape: tuple[int, ...]
    ) -> Float[Array, "..."]:
        """Entries of a kernel `[..., in, out]`; the places of a window come first."""
        u = uniform(seed, shape)
        unit = jnp.where(self.uniform > 0.5, math.sqrt(3) * u, math.sqrt(2) * erfinv(u))
        places = math.prod(shape[:-2])
        return unit * self.std(places * shape[-2], places * shape[-1])


def _scaling(**leaves: Any) -> Callable[[], VarianceScaling]:
    return partial(VarianceScaling, **leaves)


# Without a suffix a name means what the field's libraries mean by it.
INITIALIZERS: Registry[Callable[[], VarianceScaling]] = Registry(
    "initializer",
    {
        "he": _scaling(scale=2.0),
        "he_normal": _scaling(scale=2.0),
        "he_uniform": _scaling(scale=2.0, uniform=1.0),
        "glorot": _scaling(outward=0.5, uniform=1.0),
        "glorot_normal": _scaling(outward=0.5),
        "glorot_uniform": _scaling(outward=0.5, uniform=1.0),
        "lecun": _scaling(),
        "lecun_normal": _scaling(),
        "lecun_uniform": _scaling(uniform=1.0),
        # variance 1/(3 fan_in): the default of PyTorch's linear layer
        "torch": _scaling(scale=1 / 3, uniform=1.0),
    },
)


def as_initializer(value: str | VarianceScaling) -> VarianceScaling:
    """The initializer of that name, or the initializer itself."""
    return INITIALIZERS[value]() if isinstance(value, str) else value
