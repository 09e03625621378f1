"""The hyper-parameters in use at each judgement: columns of a history."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from thalweg.training.candidate import Candidate
from thalweg.training.dataset import Dataset
from thalweg.training.inspection import inspect
from thalweg.training.member import Member, build, for_vectors


def in_use(member: Member, recipe: Candidate) -> dict[str, Array]:
    """What the next step will use, by name; of one that differs by parameter, the most.

    As the trainer does it, schedules follow the member's steps.
    """
    values = recipe.optimizer.at(member.step).current(member.state)
    return {name: jnp.max(values[name]) for name in sorted(values)}


def measure(*, layers: bool) -> Callable[..., Float[Array, " k"]]:
    """A `Task.inspect`: the values in use, and if `layers` what `inspect` measures."""

    def at(member: Member, recipe: Candidate, data: Dataset) -> Float[Array, " k"]:
        values = [jnp.asarray(v, jnp.float32) for v in in_use(member, recipe).values()]
        more = inspect(member, recipe, data) if layers else jnp.zeros(0, jnp.float32)
        return jnp.concatenate([jnp.stack(values), more]) if values else more

    return at


def names_in_use(candidate: Candidate, inputs: Any, outputs: int) -> list[str]:
    """The names of `in_use`, without training anything."""

    def fresh(inputs: Any) -> dict[str, Array]:
        own = jax.tree.map(lambda leaf: leaf[0], inputs)
        member = build(candidate, own, outputs, 1, jnp.int32(0), jnp.uint32(0))
        return in_use(member, for_vectors(candidate, member.packing))

    return list(eqx.filter_eval_shape(fresh, inputs))


def as_columns(
    names: list[str], values: Float[np.ndarray, "t k"]
) -> dict[str, Float[np.ndarray, " t"]]:
    """Learning rates, and whatever else changed in the course of the training."""
    columns = {name: values[:, i] for i, name in enumerate(names)}
    shown = [name for name, v in columns.items() if _is_rate(name) or np.ptp(v) > 0]
    shown.sort(key=lambda name: (not _is_rate(name), name.count("/"), name))
    return {name: columns[name] for name in shown}


def _is_rate(name: str) -> bool:
    return name.split("/")[-1] in ("learning_rate", "effective_learning_rate")
