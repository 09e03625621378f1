"""The default choice: which search algorithm suits a space, and why."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float64

from thalweg.core.typing import Key
from thalweg.proposers.archive import Archive
from thalweg.proposers.base import AbstractProposer, Outcome, Proposal
from thalweg.proposers.choice_gp import ChoiceGaussianProcess
from thalweg.proposers.gp import GaussianProcess
from thalweg.spaces import Space

MOSTLY = 0.75  # share of the dimensions that are choices, from where they decide


@dataclass(frozen=True)
class Pick:
    """A proposer, and why it is the one."""

    proposer: AbstractProposer[Archive]
    reason: str


class Auto(AbstractProposer[Archive]):
    """The choice when you have none: by the kind of space, and by what was told.

    All that it picks from learn from everything that was told, whoever proposed it, so
    that it may change its mind in the course of a search. `pick` says what and why.
    """

    rank_based: ClassVar[bool] = False
    multi_fidelity: ClassVar[bool] = False
    objectives: ClassVar[int | None] = None

    def pick(self, space: Space, told: int = 0, n: int = 1) -> Pick:
        """What proposes the next `n` when `told` outcomes are known."""
        kinds = np.array(space.kinds)
        choices = int((kinds == "choice").sum())
        if len(kinds) and choices >= MOSTLY * len(kinds):
            return Pick(
                ChoiceGaussianProcess(),
                f"{choices} of {len(kinds)} dimensions are choices without an order, "
                "for which its kernel is made",
            )
        return Pick(
            GaussianProcess(),
            f"{len(kinds)} dimensions, most of them ordered: a Gaussian process makes "
            "the most of few trials, and is quick with many",
        )

    def init(self, space: Space, *, key: Key) -> Archive:
        """Nothing told."""
        return Archive.empty(space, key=key)

    def propose(self, state: Archive, n: int, *, key: Key) -> Proposal:
        """What the pick of the moment proposes."""
        return self._at(state, n).propose(state, n, key=key)

    def expect(self, state: Archive, proposal: Proposal) -> Archive:
        """The rows are pending."""
        return state.expect(proposal)

    def tell(self, state: Archive, outcome: Outcome) -> Archive:
        """Observations for whatever will be picked."""
        return state.tell(outcome)

    def recommend(self, state: Archive) -> Float64[np.ndarray, " d"] | None:
        """By the model of the pick."""
        return self._at(state, 1).recommend(state)

    def _at(self, state: Archive, n: int) -> Any:
        return self.pick(state.space, len(state), n).proposer
