"""Predictions of many trained networks, each kind in one compiled program."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from thalweg.losses import AbstractLoss
from thalweg.training.member import outputs_of

CHUNK = 1024  # rows at a time; shorter tables are padded to a power of two


@dataclass(frozen=True, eq=False)
class Trained:
    """A trial's networks, one for each split that it was trained on."""

    trial: int
    config: Mapping[str, Any]
    weight: float  # in the ensemble
    networks: tuple[Any, ...]


def outputs(
    trained: Sequence[Trained],
    x: PyTree[np.ndarray],
    loss: AbstractLoss,
) -> list[list[Float[np.ndarray, "n c"]]]:
    """Raw outputs by trial and split, of rows `[s, n, ...]`; `s` is 1 if shared."""
    found: list[list[Any]] = [[None] * len(t.networks) for t in trained]
    groups: dict[Any, list[tuple[int, int]]] = defaultdict(list)
    for number, each in enumerate(trained):
        for split, network in enumerate(each.networks):
            arrays, rest = eqx.partition(network, eqx.is_array_like)
            shapes = tuple(np.shape(leaf) for leaf in jax.tree.leaves(arrays))
            groups[jax.tree.structure(arrays), shapes, _Static(rest)].append(
                (number, split)
            )
    for members in groups.values():
        networks = [trained[i].networks[j] for i, j in members]
        parts = [eqx.partition(n, eqx.is_array_like) for n in networks]
        stacked = jax.tree.map(lambda *a: np.stack(a), *(arrays for arrays, _ in parts))
        splits = np.array([j for _, j in members], np.int32)
        result = _group(stacked, parts[0][1], splits, x, loss)
        for (i, j), rows in zip(members, result, strict=True):
            found[i][j] = rows
    return found


def _group(
    arrays: PyTree, rest: Any, splits: Any, x: PyTree, loss: AbstractLoss
) -> Float[np.ndarray, "m n c"]:
    n = jax.tree.leaves(x)[0].shape[1]
    size = min(CHUNK, 1 << max(0, (n - 1)).bit_length())
    parts = []
    for begin in range(0, n, size):
        some = jax.tree.map(
            lambda a, begin=begin: _padded(a[:, begin : begin + size], size), x
        )
        parts.append(np.asarray(_forward(arrays, rest, splits, some, loss)))
    return np.concatenate(parts, axis=1)[:, :n]


@partial(eqx.filter_jit)
def _forward(
    arrays: PyTree, rest: Any, splits: Array, x: PyTree, loss: AbstractLoss
) -> Float[Array, "m n c"]:
    def one(member: Any) -> Float[Array, "n c"]:
        own, split = member
        rows = jax.tree.map(lambda a: a[split if a.shape[0] > 1 else 0], x)
        return outputs_of(eqx.combine(own, rest), loss, rows)

    return jax.lax.map(one, (arrays, jnp.asarray(splits)))


def _padded(rows: np.ndarray, size: int) -> np.ndarray:
    missing = size - rows.shape[1]
    return np.pad(rows, [(0, 0), (0, missing), *[(0, 0)] * (rows.ndim - 2)])


class _Static:
    """The parts of a network that are no arrays, as a key."""

    def __init__(self, rest: Any):
        self.leaves, self.treedef = jax.tree.flatten(rest)

    def __hash__(self) -> int:
        return hash(self.treedef)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, _Static)
            and self.treedef == other.treedef
            and self.leaves == other.leaves
        )
