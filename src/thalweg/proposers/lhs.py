"""Latin hypercubes: each range is cut evenly, and each slice is used once.

McKay, Beckman & Conover 1979, https://doi.org/10.2307/1268522
The default size is ten points per dimension, after Loeppky, Sacks & Welch 2009,
https://doi.org/10.1198/TECH.2009.08040
Departs from the paper: a hypercube that is used up is followed by another; in a finite
space, configurations met before are skipped.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float64

from thalweg.core.errors import InvalidInput
from thalweg.proposers.sequence import AbstractSequence


class LatinHypercube(AbstractSequence):
    """For a number of trials known in advance: no value of any one parameter is missed.

    Of `samples` points (the trials you will make; default: ten per dimension), each
    `samples`-th part of every dimension holds exactly one.
    """

    samples: int | None = None

    def __check_init__(self) -> None:
        if self.samples is not None and self.samples < 1:
            raise InvalidInput(f"`samples` must be at least 1, but got {self.samples}.")

    def points(
        self, dim: int, seed: int, start: int
    ) -> Callable[[int], Float64[np.ndarray, "m d"]]:
        """Hypercube after hypercube, each of a seed of its own."""
        size = 10 * dim if self.samples is None else self.samples
        position = start

        def sample(m: int) -> np.ndarray:
            nonlocal position
            first, last = position // size, (position + m - 1) // size
            cubes = [_cube(size, dim, [seed, k]) for k in range(first, last + 1)]
            begin = position - first * size
            position += m
            return np.concatenate(cubes)[begin : begin + m]

        return sample


def _cube(size: int, dim: int, seed: list[int]) -> Float64[np.ndarray, "size dim"]:
    rng = np.random.default_rng(seed)
    slices = rng.permuted(np.tile(np.arange(size), (dim, 1)), axis=1).T
    return (slices + rng.random((size, dim))) / size
