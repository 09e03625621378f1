"""Rows asked for in parts, told in any order, and compared when all are told."""

from dataclasses import replace

import equinox as eqx
import numpy as np
from jaxtyping import Bool, Float64, Int64

from thalweg.proposers.base import Outcome, Proposal

WAITING, ASKED, TOLD = 0, 1, 2


class Cohort(eqx.Module):
    """A rung, or a generation: members that train up to one budget."""

    x: Float64[np.ndarray, "n d"]
    parent: Int64[np.ndarray, " n"]  # whose weights they begin from; -1: nobody's
    status: Int64[np.ndarray, " n"]  # WAITING to be asked, ASKED, or TOLD
    trial: Int64[np.ndarray, " n"]  # their numbers; -1 until they are told
    losses: Float64[np.ndarray, "n m"]  # NaN until told; no columns before the first
    constraints: Float64[np.ndarray, "n c"]  # likewise

    def __len__(self) -> int:
        return len(self.parent)

    @staticmethod
    def of(x: Float64[np.ndarray, "n d"], parent: Int64[np.ndarray, " n"]) -> "Cohort":
        """Members that wait to be asked for."""
        n = len(parent)
        waiting, nobody = np.full(n, WAITING), np.full(n, -1)
        none = np.zeros((n, 0))
        return Cohort(x, parent, waiting, nobody, none, none)

    @property
    def complete(self) -> bool:
        """All are told, and there are some."""
        return len(self) > 0 and bool((self.status == TOLD).all())

    def waiting(self, n: int, budget: float) -> Proposal:
        """The next `n` that wait, in their order."""
        rows = np.flatnonzero(self.status == WAITING)[:n]
        return Proposal(self.x[rows], self.parent[rows], np.full(len(rows), budget))

    def expect(self, proposal: Proposal) -> "Cohort":
        """With rows asked for; those that were not here join."""
        status, joining = self.status.copy(), []
        for i, (x, parent) in enumerate(zip(proposal.x, proposal.parent, strict=True)):
            place = self._place(WAITING, status, x, parent)
            if place.any():
                status[np.argmax(place)] = ASKED
            else:
                joining.append(i)
        n = len(self) + len(joining)
        return Cohort(
            np.concatenate([self.x, proposal.x[joining]]),
            np.append(self.parent, proposal.parent[joining]),
            np.append(status, np.full(len(joining), ASKED)),
            np.append(self.trial, np.full(len(joining), -1)),
            widened(self.losses, n),
            widened(self.constraints, n),
        )

    def tell(self, outcome: Outcome, budget: float) -> "Cohort":
        """With the outcomes of those that were asked for; others are no members."""
        n, trial, status = len(self), self.trial.copy(), self.status.copy()
        losses = widened(self.losses, n, outcome.losses.shape[1])
        constraints = widened(self.constraints, n, outcome.constraints.shape[1])
        for i in range(len(outcome)):
            place = self._place(ASKED, status, outcome.x[i], outcome.parent[i])
            if place.any() and outcome.budget[i] == budget:
                j = int(np.argmax(place))
                trial[j], status[j] = outcome.trial[i], TOLD
                losses[j], constraints[j] = outcome.losses[i], outcome.constraints[i]
        return replace(
            self, trial=trial, status=status, losses=losses, constraints=constraints
        )

    def _place(
        self,
        wanted: int,
        status: Int64[np.ndarray, " n"],
        x: Float64[np.ndarray, " d"],
        parent: int,
    ) -> Bool[np.ndarray, " n"]:
        same = (status == wanted) & (self.parent == parent)
        return same & (self.x == x).all(1)


def survivors(
    losses: Float64[np.ndarray, "n m"], constraints: Float64[np.ndarray, "n c"]
) -> Int64[np.ndarray, " k"]:
    """The rows that may be resumed, the best first: all but those that failed."""
    from thalweg.surrogates import order

    best = order(losses, constraints)
    return best[np.isfinite(losses[best]).all(1)]


def widened(
    rows: Float64[np.ndarray, "k m"], n: int, columns: int | None = None
) -> Float64[np.ndarray, "n m"]:
    """A copy with NaN in new rows, and in the columns of what was told first."""
    wide = np.full((n, rows.shape[1] if columns is None else columns), np.nan)
    if rows.shape[1]:
        wide[: len(rows)] = rows
    return wide
