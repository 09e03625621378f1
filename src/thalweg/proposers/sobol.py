"""Sobol search: a scrambled low-discrepancy sequence, more even than random rows.

Sobol' 1967; scrambling of Owen 1998 as in scipy.stats.qmc; for hyper-parameters:
Bousquet et al. 2017, "Critical Hyper-Parameters: No Random, No Cry",
https://arxiv.org/abs/1706.03200
Departs from the sequence: in a finite space, configurations met before are skipped.
"""

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Float64

from thalweg.proposers.sequence import AbstractSequence


class Sobol(AbstractSequence):
    """Random search without its gaps and clumps; best in powers of two."""

    def points(
        self, dim: int, seed: int, start: int
    ) -> Callable[[int], Float64[np.ndarray, "m d"]]:
        """The sequence from number `start` on."""
        return sequence(dim, seed, start)


def sequence(
    dim: int, seed: int, start: int
) -> Callable[[int], Float64[np.ndarray, "m d"]]:
    """A function that gives the next `m` points, the first of them number `start`."""
    from scipy.stats import qmc

    position = start
    if dim == 0:
        return lambda m: np.zeros((m, 0))

    def sample(m: int) -> np.ndarray:
        nonlocal position
        # the engine asks for powers of two from the start; any slice of them is fine
        engine = qmc.Sobol(dim, scramble=True, rng=seed)
        points = engine.random(2 ** math.ceil(math.log2(max(position + m, 2))))
        position += m
        return points[position - m : position]

    return sample
