"""Rows of the cube that were not proposed before: no finite space is tried twice."""

from collections.abc import Callable, Set

import numpy as np
from jaxtyping import Float64

from thalweg.proposers.lattice import Lattice
from thalweg.spaces import Space, first_unseen, row_keys

TRIES = 20  # batches drawn before the rest of a small space is listed
SMALL = 20_000  # configurations that are listed at most


def draw(
    space: Space,
    n: int,
    seen: Set[bytes],
    sample: Callable[[int], Float64[np.ndarray, "m d"]],
    rng: np.random.Generator,
) -> Float64[np.ndarray, "m d"]:
    """`n` canonical rows of `sample`, none seen; fewer if a finite space holds no more.

    `sample(m)` gives the next `m` rows of some sequence. When those keep repeating, the
    rest of a small space is listed and drawn from by `rng`.
    """
    rows = np.zeros((0, space.dim))
    if space.size <= len(seen):
        return rows
    known = set(seen)
    for _ in range(TRIES):
        new = space.canonical(sample(n - len(rows)))
        new = new[first_unseen(new, known)]
        known.update(row_keys(new))
        rows = np.concatenate([rows, new])
        if len(rows) == n:
            return rows
    if space.size <= SMALL:
        every = Lattice(space).points()
        rest = every[first_unseen(every, known)]
        rest = rng.permutation(rest)[: n - len(rows)]
        rows = np.concatenate([rows, rest])
    return rows
