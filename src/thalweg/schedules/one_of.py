"""A schedule whose kind is data: members with different schedules share a program."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from thalweg.core.errors import InvalidInput
from thalweg.schedules.base import AbstractSchedule, known
from thalweg.schedules.constant import as_schedule


class OneOf(AbstractSchedule):
    """`alternatives[index]`; all of them are held, so that `index` may be traced.

    All are computed and one is taken: a schedule is a few scalar operations, which a
    compiled step does in less time than it takes to branch.
    """

    alternatives: tuple[AbstractSchedule, ...]
    index: Int[Array, ""]

    def __init__(self, alternatives: Sequence[Any], index: Any = 0):
        self.alternatives = tuple(as_schedule(s) for s in alternatives)
        self.index = jnp.asarray(index, jnp.int32)
        check_index(len(self.alternatives), self.index)

    def __call__(self, step: Int[Array, ""]) -> Float[Array, ""]:
        dtype = jnp.result_type(float)
        values = [jnp.asarray(schedule(step), dtype) for schedule in self.alternatives]
        # a select, not a sum of products: what is not taken may be infinite
        return jax.lax.select_n(
            jnp.clip(self.index, 0, len(values) - 1), *jnp.broadcast_arrays(*values)
        )


def check_index(count: int, index: Array) -> None:
    """An error if a known `index` names none of `count` alternatives."""
    if count == 0:
        raise InvalidInput(
            "`alternatives` must hold at least one entry, but got none. "
            "Give the alternatives that `index` chooses from."
        )
    number = known(index)
    if ((number < 0) | (number >= count)).any():
        raise InvalidInput(
            f"`index` must name one of {count} alternatives, but got {index}. "
            f"Use 0 to {count - 1}."
        )
