"""What every schedule is: a hyper-parameter's value as a function of the step.

One mechanism makes any hyper-parameter schedulable: `resolve(module, step)` is the
module with each schedule in it replaced by its value. An optimizer calls it once at the
head of `update`; below that line every hyper-parameter is an array.
"""

import abc
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, Int

from thalweg.core.errors import InvalidInput
from thalweg.core.typing import Hyper

T = TypeVar("T")


class AbstractSchedule(eqx.Module):
    """`schedule(step)` is the value used at the `step`-th update, counted from 0.

    Every parameter is an array leaf, step counts too, so that members of a population
    may differ in them. Those in the registry share their first two arguments, `peak`
    (the value that the others scale) and `steps`, the horizon: lengths are in units of
    `steps`. So they are fractions of the training when `steps` is its length, and
    numbers of steps where `steps` may be left at 1.
    """

    @abc.abstractmethod
    def __call__(self, step: Int[Array, ""]) -> Float[Array, ""]:
        """The value at `step`; the last value beyond the horizon."""

    def __check_init__(self):
        steps: Any = getattr(self, "steps", None)
        if (known(steps) <= 0).any():
            raise InvalidInput(
                f"A schedule's `steps` must be positive, but got {steps}. "
                "Give the number of optimizer steps that it is to span."
            )


def is_schedule(value: Any) -> bool:
    """Whether `value` is a schedule rather than a number."""
    return isinstance(value, AbstractSchedule)


def known(value: Any) -> np.ndarray:
    """The numbers of an array, to check them; none where it is a tracer or no array.

    In NumPy, so that an optimizer can be made inside a traced function too.
    """
    concrete = eqx.is_array(value) and not isinstance(value, Tracer)
    return np.asarray(value) if concrete else np.zeros(0)


def as_vector(value: Any) -> Array:
    """Numbers that belong together, as one floating array."""
    return jnp.atleast_1d(jnp.asarray(value, jnp.result_type(float)))


def check_ascending(boundaries: Array) -> None:
    """An error if known boundaries are no steps in ascending order."""
    numbers = known(boundaries)
    if (numbers[..., 1:] < numbers[..., :-1]).any() or (numbers < 0).any():
        raise InvalidInput(
            "`boundaries` must be steps in ascending order, but got "
            f"{numbers.tolist()}. Sort them, and what holds between them."
        )


def resolve(tree: T, step: Int[Array, ""]) -> T:
    """`tree` with every schedule replaced by its value at `step`."""
    return jax.tree.map(
        lambda x: x(step) if is_schedule(x) else x, tree, is_leaf=is_schedule
    )


def progress(step: Int[Array, ""], steps: Hyper) -> Float[Array, ""]:
    """The part of the horizon that lies behind, from 0 to 1."""
    return jnp.clip(step / steps, 0.0, 1.0)


def anneal(start: Hyper, end: Hyper, part: Float[Array, ""]) -> Float[Array, ""]:
    """From `start` (part 0) to `end` (part 1) along half a cosine."""
    return end + (start - end) * 0.5 * (1 + jnp.cos(jnp.pi * part))
