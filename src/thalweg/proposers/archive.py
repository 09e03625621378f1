"""Everything that was told and is pending: the state of proposers that learn from it.

A proposer whose answers are a function of this log needs no other state.
"""

from dataclasses import replace

import equinox as eqx
import numpy as np
from jaxtyping import Float64, Int64

from thalweg.core.rng import generator
from thalweg.core.typing import Key
from thalweg.proposers.base import Outcome, Proposal
from thalweg.spaces import Space, row_keys


class Archive(eqx.Module):
    """Outcomes in the order in which they were told, and proposals without one."""

    space: Space = eqx.field(static=True)
    seed: Int64[np.ndarray, ""]  # of what is drawn once for the whole search
    x: Float64[np.ndarray, "n d"]
    trial: Int64[np.ndarray, " n"]
    parent: Int64[np.ndarray, " n"]
    budget: Float64[np.ndarray, " n"]
    losses: Float64[np.ndarray, "n m"]  # no columns before the first outcome
    cost: Float64[np.ndarray, " n"]
    constraints: Float64[np.ndarray, "n c"]
    pending: Float64[np.ndarray, "k d"]
    pending_parent: Int64[np.ndarray, " k"]
    pending_budget: Float64[np.ndarray, " k"]

    def __len__(self) -> int:
        return len(self.trial)

    @staticmethod
    def empty(space: Space, *, key: Key) -> "Archive":
        """Nothing told, nothing pending."""
        seed = np.asarray(generator(key).integers(2**31), np.int64)
        rows, none = np.zeros((0, space.dim)), np.zeros(0)
        numbers, columns = np.zeros(0, np.int64), np.zeros((0, 0))
        return Archive(
            space, seed, rows, numbers, numbers, none, columns, none, columns,
            rows, numbers, none,
        )  # fmt: skip

    @property
    def loss(self) -> Float64[np.ndarray, " n"]:
        """The first objective."""
        return self.losses[:, 0] if len(self) else np.zeros(0)

    @property
    def known(self) -> Float64[np.ndarray, "n+k d"]:
        """All rows, those pending last."""
        return np.concatenate([self.x, self.pending])

    def seen(self) -> set[bytes]:
        """The keys of all rows (`spaces.row_keys`)."""
        return set(row_keys(self.known))

    def expect(self, proposal: Proposal) -> "Archive":
        """With these pending."""
        return replace(
            self,
            pending=np.concatenate([self.pending, proposal.x]),
            pending_parent=np.append(self.pending_parent, proposal.parent),
            pending_budget=np.append(self.pending_budget, proposal.budget),
        )

    def tell(self, outcome: Outcome) -> "Archive":
        """With these told, and no longer pending."""
        left = np.ones(len(self.pending), bool)
        for x, parent, budget in zip(
            outcome.x, outcome.parent, outcome.budget, strict=True
        ):
            same = left & (self.pending_budget == budget)
            same &= (self.pending_parent == parent) & (self.pending == x).all(1)
            if same.any():
                left[np.argmax(same)] = False
        return replace(
            self,
            x=np.concatenate([self.x, outcome.x]),
            trial=np.append(self.trial, outcome.trial),
            parent=np.append(self.parent, outcome.parent),
            budget=np.append(self.budget, outcome.budget),
            losses=_joined(self.losses, outcome.losses),
            cost=np.append(self.cost, outcome.cost),
            constraints=_joined(self.constraints, outcome.constraints),
            pending=self.pending[left],
            pending_parent=self.pending_parent[left],
            pending_budget=self.pending_budget[left],
        )


def _joined(
    old: Float64[np.ndarray, "n m"], new: Float64[np.ndarray, "k m"]
) -> Float64[np.ndarray, "n+k m"]:
    return np.concatenate([old, new]) if len(old) else new
