"""Activations: what a unit does to its input, with the facts that decide where it fits.

`ACTIVATIONS["silu"]()` is one, `choose(("relu", "silu"), index)` is one whose kind is
data, and every description of a network accepts a name, an `Activation` or a choice.
"""

from collections.abc import Sequence
from typing import Any

from thalweg.activations.base import Activation, Traits
from thalweg.activations.choice import Choice, choose_from
from thalweg.activations.oscillating import SinePi, SinhPi
from thalweg.activations.rectified import (
    ELU,
    GELU,
    SELU,
    LeakyReLU,
    Mish,
    ReLU,
    SiLU,
    Softplus,
)
from thalweg.activations.saturating import Arctan, Exponential, Linear, Sigmoid, Tanh
from thalweg.core.registry import Registry

ACTIVATIONS: Registry[type[Activation]] = Registry(
    "activation",
    {
        "linear": Linear,
        "exponential": Exponential,
        "sigmoid": Sigmoid,
        "tanh": Tanh,
        "arctan": Arctan,
        "relu": ReLU,
        "leaky_relu": LeakyReLU,
        "gelu": GELU,
        "silu": SiLU,
        "mish": Mish,
        "selu": SELU,
        "elu": ELU,
        "softplus": Softplus,
        "sine_pi": SinePi,
        "sinh_pi": SinhPi,
    },
)


def as_activation(value: str | Activation) -> Activation:
    """The activation of that name, or the activation itself."""
    return ACTIVATIONS[value]() if isinstance(value, str) else value


def choose(names: Sequence[str | Activation], index: Any) -> Choice:
    """An activation whose kind is data: the `index`-th of `names`.

    `index` may be traced, or stacked for a population. Members with different kinds
    then share one compiled program.
    """
    return choose_from([as_activation(name) for name in names], index)


__all__ = [
    "ACTIVATIONS",
    "ELU",
    "GELU",
    "SELU",
    "Activation",
    "Arctan",
    "Choice",
    "Exponential",
    "LeakyReLU",
    "Linear",
    "Mish",
    "ReLU",
    "SiLU",
    "Sigmoid",
    "SinePi",
    "SinhPi",
    "Softplus",
    "Tanh",
    "Traits",
    "as_activation",
    "choose",
]
