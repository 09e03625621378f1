"""Configurations among which the best ones are looked for."""

import numpy as np
from jaxtyping import Float64

from thalweg.spaces import Space, first_unseen

POOL = 1024  # uniform rows
NEARBY = 64  # perturbations of each of the best configurations
FEW = 12  # levels up to which all are neighbours, and no gradient is followed


def pool(
    space: Space,
    anchors: Float64[np.ndarray, "a d"],
    seen: set[bytes],
    rng: np.random.Generator,
    *,
    uniform: int = POOL,
) -> Float64[np.ndarray, "m d"]:
    """`uniform` rows and `NEARBY` perturbations of each anchor, distinct, none seen."""
    near = np.repeat(anchors, NEARBY, axis=0)
    if len(near):
        scale = 10 ** rng.uniform(-2.5, -0.5, (len(near), 1))
        moved = near + scale * rng.standard_normal(near.shape)
        moved = 1 - np.abs(1 - np.abs(moved) % 2)  # reflected at the walls
        other = rng.random(near.shape)
        choice = np.array([kind == "choice" for kind in space.kinds])
        jump = choice | (rng.random(near.shape) < 0.1)
        change = rng.random(near.shape) < rng.choice([0.1, 0.3, 1.0], (len(near), 1))
        near = np.where(change, np.where(jump, other, moved), near)
    rows = space.canonical(np.concatenate([rng.random((uniform, space.dim)), near]))
    return rows[first_unseen(rows, seen)]


def neighbours(
    space: Space, row: Float64[np.ndarray, " d"]
) -> Float64[np.ndarray, "m d"]:
    """Every change of one discrete dimension: all values if few, else the next ones."""
    near = []
    for j, (kind, levels) in enumerate(zip(space.kinds, space.levels, strict=True)):
        if levels is None:
            continue
        if kind == "choice" or levels <= FEW:
            cells = space.centres(j, np.arange(levels))
        else:
            cells = np.clip(row[j] + np.array([-2, -1, 1, 2]) / levels, 0.0, 1.0)
        rows = np.repeat(row[None], len(cells), axis=0)
        rows[:, j] = cells
        near.append(rows)
    if not near:
        return np.zeros((0, space.dim))
    return space.canonical(np.concatenate(near))


def smooth(space: Space) -> np.ndarray:
    """The dimensions along which a gradient leads somewhere."""
    return np.array(
        [
            kind != "choice" and (levels is None or levels > FEW)
            for kind, levels in zip(space.kinds, space.levels, strict=True)
        ],
        bool,
    )
