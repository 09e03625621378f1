"""Sobol search: a scrambled low-discrepancy sequence, more even than random rows.

Sobol' 1967; scrambling of Owen 1998 as in scipy.stats.qmc; for hyper-parameters:
Bousquet et al. 2017, "Critical Hyper-Parameters: No Random, No Cry",
https://arxiv.org/abs/1706.03200
Departs from the sequence: in a finite space, configurations met before are skipped.
"""

import math
from collections.abc import Callable
from typing import ClassVar

import equinox as eqx
import numpy as np
from jaxtyping import Float64, Int64

from thalweg.core.rng import generator
from thalweg.core.typing import Key
from thalweg.proposers.base import AbstractProposer, Outcome, Proposal
from thalweg.proposers.distinct import draw
from thalweg.spaces import Space, row_keys

LOOK_AHEAD = 2**14  # points of the sequence among which `expect` finds its place


class SobolState(eqx.Module):
    space: Space = eqx.field(static=True)
    seed: Int64[np.ndarray, ""]  # of the scrambling
    count: Int64[np.ndarray, ""]  # points of the sequence that were used or skipped
    seen: Float64[np.ndarray, "m d"]  # kept only where the space is finite


class Sobol(AbstractProposer[SobolState]):
    """Random search without its gaps and clumps; best in powers of two."""

    rank_based: ClassVar[bool] = True
    multi_fidelity: ClassVar[bool] = False
    objectives: ClassVar[int | None] = None

    def init(self, space: Space, *, key: Key) -> SobolState:
        """The key settles the scrambling, and so the whole sequence."""
        seed = np.asarray(generator(key).integers(2**31), np.int64)
        return SobolState(space, seed, np.array(0), np.zeros((0, space.dim)))

    def propose(self, state: SobolState, n: int, *, key: Key) -> Proposal:
        """The next `n` points; fewer when a finite space runs out."""
        sample = sequence(state.space.dim, int(state.seed), int(state.count))
        seen = set(row_keys(state.seen))
        return Proposal.fresh(draw(state.space, n, seen, sample, generator(key)))

    def expect(self, state: SobolState, proposal: Proposal) -> SobolState:
        """Moves the sequence past the last of the rows that is its own."""
        wanted = set(row_keys(proposal.x))
        sample = sequence(state.space.dim, int(state.seed), int(state.count))
        used = walked = 0
        while wanted and walked < LOOK_AHEAD:
            size = min(max(len(wanted), 16), LOOK_AHEAD - walked)
            for key in row_keys(state.space.canonical(sample(size))):
                walked += 1
                if key in wanted:
                    wanted.remove(key)
                    used = walked
        return self._saw(state, proposal.x, np.asarray(state.count + used))

    def tell(self, state: SobolState, outcome: Outcome) -> SobolState:
        """Losses don't matter; rows told without being asked for are remembered."""
        known = set(row_keys(state.seen))
        new = [key not in known for key in row_keys(outcome.x)]
        return self._saw(state, outcome.x[new], state.count)

    def _saw(self, state: SobolState, x: np.ndarray, count: np.ndarray) -> SobolState:
        seen = state.seen
        if not math.isinf(state.space.size):
            seen = np.concatenate([seen, x])
        return SobolState(state.space, state.seed, count, seen)


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
