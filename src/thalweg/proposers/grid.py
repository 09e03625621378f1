"""Grid search: every combination of some values of each parameter, in order."""

from typing import ClassVar

import equinox as eqx
import numpy as np
from jaxtyping import Bool, Int64

from thalweg.core.errors import InvalidInput
from thalweg.core.typing import Key
from thalweg.proposers.base import AbstractProposer, Outcome, Proposal
from thalweg.proposers.lattice import Lattice
from thalweg.spaces import Space


class GridState(eqx.Module):
    space: Space = eqx.field(static=True)
    digits: Int64[np.ndarray, " d"]  # of the next configuration
    finished: Bool[np.ndarray, ""]


class Grid(AbstractProposer[GridState]):
    """For few parameters of few values; exhausted after the last combination.

    Parameters of more than `resolution` values (continua, wide ranges of whole numbers)
    take that many, from end to end; listed values are all tried. Later parameters
    change fastest.
    """

    resolution: int = 5

    rank_based: ClassVar[bool] = True
    multi_fidelity: ClassVar[bool] = False
    objectives: ClassVar[int | None] = None

    def __check_init__(self) -> None:
        if self.resolution < 1:
            raise InvalidInput(
                f"`resolution` must be at least 1, but got {self.resolution}."
            )

    def init(self, space: Space, *, key: Key) -> GridState:
        """Before the first combination."""
        del key
        return GridState(space, np.zeros(space.dim, np.int64), np.array(False))

    def propose(self, state: GridState, n: int, *, key: Key) -> Proposal:
        """The next `n` combinations, or what is left."""
        del key
        lattice, rows = Lattice(state.space, self.resolution), []
        while len(rows) < n and not state.finished:
            rows.append(lattice.point(state.digits))
            state = _step(state, lattice)
        return Proposal.fresh(np.reshape(rows, (len(rows), state.space.dim)))

    def expect(self, state: GridState, proposal: Proposal) -> GridState:
        """Moves on past the rows that are the grid's."""
        lattice = Lattice(state.space, self.resolution)
        for row in proposal.x:
            if not state.finished and (row == lattice.point(state.digits)).all():
                state = _step(state, lattice)
        return state

    def tell(self, state: GridState, outcome: Outcome) -> GridState:
        """Losses don't matter."""
        del outcome
        return state


def _step(state: GridState, lattice: Lattice) -> GridState:
    digits = lattice.after(state.digits)
    if digits is None:
        return GridState(state.space, state.digits, np.array(True))
    return GridState(state.space, digits, np.array(False))
