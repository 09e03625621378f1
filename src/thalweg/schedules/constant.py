"""A value that never changes; numbers as schedules; the product of two schedules."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from thalweg.core.errors import InvalidInput
from thalweg.core.hyper import as_leaf, hyper
from thalweg.core.typing import Hyper
from thalweg.schedules.base import AbstractSchedule, is_schedule


class Constant(AbstractSchedule):
    """The same value at every step: for short trainings and averaged weights.

    `steps` has no effect; it is there so that all schedules are made alike.
    """

    peak: Hyper = hyper()
    steps: Hyper = hyper(1.0)

    def __call__(self, step: Int[Array, ""]) -> Float[Array, ""]:
        del step
        return jnp.asarray(self.peak)


class Product(AbstractSchedule):
    """`first(step) * second(step)`, such as a warm-up times a decay."""

    first: AbstractSchedule
    second: AbstractSchedule

    def __call__(self, step: Int[Array, ""]) -> Float[Array, ""]:
        return self.first(step) * self.second(step)


def as_schedule(value: Any) -> AbstractSchedule:
    """A schedule as it is; a number or an array as a constant."""
    if is_schedule(value):
        return value
    leaf = as_leaf(value)
    if not eqx.is_array(leaf):
        raise InvalidInput(
            "A schedule must be a number, an array or a schedule, "
            f"but got {type(value).__name__}. Make a function of your own a subclass "
            "of `schedules.AbstractSchedule`."
        )
    return Constant(leaf)
