"""Halton search: a scrambled low-discrepancy sequence for any number of trials.

Halton 1960, https://doi.org/10.1007/BF01386213; random permutations of the digits as
in Owen 2017, "A randomized Halton algorithm in R", https://arxiv.org/abs/1706.02808
(scipy.stats.qmc).
Departs from the sequence: in a finite space, configurations met before are skipped.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float64

from thalweg.proposers.sequence import AbstractSequence


class Halton(AbstractSequence):
    """As even as Sobol for numbers that are no power of two; up to some 20 dimensions.

    Its later dimensions count in large primes, and few points of those are less even
    than Sobol's.
    """

    def points(
        self, dim: int, seed: int, start: int
    ) -> Callable[[int], Float64[np.ndarray, "m d"]]:
        """The sequence from number `start` on."""
        from scipy.stats import qmc

        engine = qmc.Halton(dim, scramble=True, rng=seed)
        engine.fast_forward(start)
        return engine.random
