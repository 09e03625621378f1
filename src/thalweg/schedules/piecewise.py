"""Values at given steps, and what lies between them: constant, a line or a cosine."""

from dataclasses import KW_ONLY
from typing import Literal

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from thalweg.core.errors import InvalidInput
from thalweg.core.hyper import hyper
from thalweg.core.typing import Hyper
from thalweg.schedules.base import AbstractSchedule, anneal, as_vector, check_ascending

SHAPES = ("constant", "linear", "cosine")


class Piecewise(AbstractSchedule):
    """A recipe that is given as a table: `Piecewise((0.1, 0.01, 0.001), (100, 150))`.

    The first value holds at step 0, each other one *at* its boundary. Between them the
    value stays ("constant"), or moves to the next along a line or half a cosine; after
    the last boundary it stays. Two equal boundaries make a jump. How many there are is
    a shape; their values are leaves.
    """

    values: Float[Array, "..."] = eqx.field(
        converter=as_vector, metadata={"hyper": True}
    )
    boundaries: Float[Array, "..."] = eqx.field(
        converter=as_vector, metadata={"hyper": True}
    )
    _: KW_ONLY
    steps: Hyper = hyper(1.0)  # the boundaries' unit
    shape: Literal["constant", "linear", "cosine"] = eqx.field(
        default="constant", static=True
    )

    def __call__(self, step: Int[Array, ""]) -> Float[Array, ""]:
        knots = jnp.round(self.boundaries * self.steps)
        passed = (step >= knots).sum()
        value = self.values[passed]
        if self.shape == "constant" or not knots.shape[-1]:
            return value
        knots = jnp.concatenate([jnp.zeros(1), knots])
        last = knots.shape[-1] - 1
        begin, after = knots[passed], knots[jnp.minimum(passed + 1, last)]
        following = self.values[jnp.minimum(passed + 1, last)]
        part = (step - begin) / jnp.maximum(after - begin, 1)
        if self.shape == "cosine":
            return anneal(value, following, part)
        return value + (following - value) * part

    def __check_init__(self):
        if self.shape not in SHAPES:
            raise InvalidInput(
                f"`shape` must be one of {', '.join(SHAPES)}, but got {self.shape!r}."
            )
        values, boundaries = self.values.shape[-1], self.boundaries.shape[-1]
        if values != boundaries + 1:
            raise InvalidInput(
                "There must be one value more than boundaries, the first for step 0, "
                f"but got {values} values and {boundaries} boundaries."
            )
        check_ascending(self.boundaries)
