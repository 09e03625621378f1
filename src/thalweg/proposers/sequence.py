"""Points of a sequence that a seed settles, one after the other: Sobol, Halton, …"""

import math
from abc import abstractmethod
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


class SequenceState(eqx.Module):
    space: Space = eqx.field(static=True)
    seed: Int64[np.ndarray, ""]  # of the sequence
    count: Int64[np.ndarray, ""]  # points of the sequence that were used or skipped
    seen: Float64[np.ndarray, "m d"]  # kept only where the space is finite


class AbstractSequence(AbstractProposer[SequenceState]):
    """A sequence of points of the cube, the same however it is asked for.

    In a finite space, configurations met before are skipped.
    """

    rank_based: ClassVar[bool] = True
    multi_fidelity: ClassVar[bool] = False
    objectives: ClassVar[int | None] = None

    @abstractmethod
    def points(
        self, dim: int, seed: int, start: int
    ) -> Callable[[int], Float64[np.ndarray, "m d"]]:
        """A function that gives the next `m` points, the first of them number `start`.

        `dim` is at least 1.
        """

    def init(self, space: Space, *, key: Key) -> SequenceState:
        """The key settles the whole sequence."""
        seed = np.asarray(generator(key).integers(2**31), np.int64)
        return SequenceState(space, seed, np.array(0), np.zeros((0, space.dim)))

    def propose(self, state: SequenceState, n: int, *, key: Key) -> Proposal:
        """The next `n` points; fewer when a finite space runs out."""
        seen = set(row_keys(state.seen))
        x = draw(state.space, n, seen, self._points(state), generator(key))
        return Proposal.fresh(x)

    def expect(self, state: SequenceState, proposal: Proposal) -> SequenceState:
        """Moves the sequence past the last of the rows that is its own."""
        wanted = set(row_keys(proposal.x))
        sample = self._points(state)
        used = walked = 0
        while wanted and walked < LOOK_AHEAD:
            size = min(max(len(wanted), 16), LOOK_AHEAD - walked)
            for key in row_keys(state.space.canonical(sample(size))):
                walked += 1
                if key in wanted:
                    wanted.remove(key)
                    used = walked
        return self._saw(state, proposal.x, np.asarray(state.count + used))

    def tell(self, state: SequenceState, outcome: Outcome) -> SequenceState:
        """Losses don't matter; rows told without being asked for are remembered."""
        known = set(row_keys(state.seen))
        new = [key not in known for key in row_keys(outcome.x)]
        return self._saw(state, outcome.x[new], state.count)

    def _points(self, state: SequenceState) -> Callable[[int], np.ndarray]:
        dim = state.space.dim
        if dim == 0:
            return lambda m: np.zeros((m, 0))
        return self.points(dim, int(state.seed), int(state.count))

    def _saw(
        self, state: SequenceState, x: np.ndarray, count: np.ndarray
    ) -> SequenceState:
        seen = state.seen
        if not math.isinf(state.space.size):
            seen = np.concatenate([seen, x])
        return SequenceState(state.space, state.seed, count, seen)
