"""Schedules one after another."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from thalweg.core.errors import InvalidInput
from thalweg.schedules.base import AbstractSchedule, as_vector, check_ascending
from thalweg.schedules.constant import as_schedule


class Joined(AbstractSchedule):
    """`Joined([Warmup(0.1, 50, warmup=1), Linear(0.1, 450)], boundaries=(50,))`.

    Each counts from its own start, and begins *at* its boundary; so the lengths given
    to the parts are those of the parts. Numbers are constants. All are computed and one
    is taken, as `OneOf` does.
    """

    schedules: tuple[AbstractSchedule, ...]
    boundaries: Float[Array, "..."]  # steps, counted from the whole's start

    def __init__(self, schedules: Sequence[Any], boundaries: Sequence[Any] | Array):
        self.schedules = tuple(as_schedule(s) for s in schedules)
        self.boundaries = as_vector(boundaries)
        count = len(self.schedules)
        if count != self.boundaries.shape[-1] + 1:
            raise InvalidInput(
                "There must be one schedule more than boundaries, but got "
                f"{count} schedules and {self.boundaries.shape[-1]} boundaries."
            )
        check_ascending(self.boundaries)

    def __call__(self, step: Int[Array, ""]) -> Float[Array, ""]:
        dtype = jnp.result_type(float)
        begins = [0, *jnp.round(self.boundaries)]
        values = [
            jnp.asarray(schedule(jnp.maximum(step - begin, 0)), dtype)
            for schedule, begin in zip(self.schedules, begins, strict=True)
        ]
        current = (step >= jnp.round(self.boundaries)).sum()
        return jax.lax.select_n(current, *jnp.broadcast_arrays(*values))
