"""What a user hands to `train` and `range_test`, checked."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from thalweg.augmentation import AbstractAugmentation, Chain
from thalweg.core.errors import InvalidInput
from thalweg.core.rng import key_of
from thalweg.losses import LOSSES, AbstractLoss
from thalweg.optimizers import AbstractOptimizer
from thalweg.problem import DEFAULT_LOSS, Problem
from thalweg.training.candidate import Candidate, Stop
from thalweg.training.dataset import as_numbers
from thalweg.training.foreign import as_description


def named_loss(
    loss: str | AbstractLoss | None,
) -> tuple[str | None, AbstractLoss | None]:
    """A loss' name, and the loss itself if it was given as one."""
    if isinstance(loss, AbstractLoss):
        names = {kind: name for name, kind in LOSSES.items()}
        return names.get(type(loss), DEFAULT_LOSS[loss.task]), loss
    return loss, None


def at_least(least: int, **arguments: float | None) -> None:
    """Raises InvalidInput for an argument below `least`; None is not asked."""
    for name, value in arguments.items():
        if value is not None and not value >= least:
            raise InvalidInput(f"`{name}` must be at least {least}, but got {value}.")


def recipe(
    network: Any,
    optimizer: AbstractOptimizer[Any],
    loss: AbstractLoss,
    stop: Stop,
    *,
    l1: float,
    l2: float,
    batch_size: int,
    augment: Sequence[AbstractAugmentation] = (),
) -> Candidate:
    """What is trained; a penalty of 0 is none, so that nothing is computed for it."""
    return Candidate(
        network=as_description(network),
        optimizer=optimizer,
        loss=loss,
        stop=stop,
        l1=np.float32(l1) if l1 else None,
        l2=np.float32(l2) if l2 else None,
        augment=Chain(augment) if augment else None,
        batch_size=batch_size,
    )


def check_outputs(candidate: Candidate, problem: Problem) -> None:
    """Raises InvalidInput for a network whose outputs don't fit the targets."""

    def outputs(x: PyTree) -> Any:
        own = jax.tree.map(lambda leaf: leaf[0], problem.inputs)
        key = key_of(jnp.uint32(0))
        network = candidate.network.build(own, problem.outputs, key=key)
        return network(as_numbers(x), key=None, inference=True)

    images = isinstance(problem.x, np.ndarray) and problem.x.ndim == 5
    if candidate.augment is not None and not images:
        raise InvalidInput(
            "`augment` needs images [n, height, width, channels], but the inputs are "
            "others. Leave it out, or give grey images an axis of one channel."
        )
    rows = min(candidate.batch_size, len(problem.target))
    x = jax.tree.map(lambda leaf: leaf[0, :rows], problem.x)
    shape = eqx.filter_eval_shape(outputs, x).shape
    if len(shape) not in (2, 3) or (shape[0], shape[-1]) != (rows, problem.outputs):
        raise InvalidInput(
            f"The targets need {problem.outputs} outputs, but for {rows} rows the "
            f"network gives the shape {shape}. Change its last layer."
        )
