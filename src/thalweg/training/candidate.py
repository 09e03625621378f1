"""A candidate: what a configuration says about one network, before it exists."""

import math
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Int

from thalweg.augmentation import Chain
from thalweg.core.errors import InvalidInput
from thalweg.core.hyper import hyper
from thalweg.core.typing import Hyper
from thalweg.losses import AbstractLoss
from thalweg.optimizers import AbstractOptimizer

# Leaves with these names choose a branch of the program. One member at a time, they are
# data; where several members run as a batch, they must agree within it.
STRUCTURE = frozenset({"index", "depth", "kind"})
CHOICES = frozenset({"optimizer", "schedule", "activation", "normalization", "depth"})


class Stop(eqx.Module):
    """When a member's training ends, whichever comes first."""

    steps: Int[Any, "*p"]
    patience: Hyper = np.float32(math.inf)  # rounds without improvement …
    # … and at least this many times the steps that the best took: what improves
    # slowly is waited for longer
    ratio: Hyper = np.float32(0.0)
    threshold: Hyper = np.float32(-math.inf)  # a validation loss that is good enough


class Candidate(eqx.Module):
    """A network's description and its training recipe: a pytree whose leaves are data.

    Candidates whose leaves have the same shapes train in one program (`signature`).
    """

    network: Any  # has `build(inputs, outputs, *, key)`
    optimizer: AbstractOptimizer
    loss: AbstractLoss
    stop: Stop
    l1: Hyper | None = hyper(None)  # strengths of penalties on the kernels
    l2: Hyper | None = hyper(None)
    augment: Chain | None = None  # of training images
    batch_size: int = eqx.field(static=True, default=32)

    def __check_init__(self) -> None:
        if self.batch_size < 1:
            raise InvalidInput(
                f"`batch_size` must be at least 1, but got {self.batch_size}."
            )

    def assemble(self) -> "Candidate":
        """Itself: whatever a job trains has this method."""
        return self


def signature(candidate: Any, *, width: int) -> tuple[Any, ...]:
    """What needs a program of its own. Hashable."""
    leaves, treedef = jax.tree.flatten(candidate)
    chosen = ()
    if width > 1:
        named, _ = jax.tree.flatten_with_path(candidate)
        chosen = tuple(int(leaf) for path, leaf in named if is_structure(path))
    return treedef, tuple(map(_shape, leaves)), chosen


def _shape(leaf: Any) -> Any:
    """What a program is compiled for of a leaf; a function is compiled in itself."""
    if eqx.is_array_like(leaf):
        return np.shape(leaf), np.asarray(leaf).dtype.name
    return leaf


def is_structure(path: tuple[Any, ...]) -> bool:
    """Whether the leaf at `path` chooses a branch of the program."""
    names = [getattr(entry, "name", None) for entry in path]
    if "values" in names[:-1]:  # of a configuration: see `assembly.Recipe`
        return getattr(path[-1], "key", None) in CHOICES
    return not STRUCTURE.isdisjoint(names)
