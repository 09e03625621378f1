"""Given configurations first, then another proposer's, which learns from them too."""

from dataclasses import fields, replace
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Float64, Int64

from thalweg.core.typing import Config, Key
from thalweg.proposers.base import AbstractProposer, Outcome, Proposal
from thalweg.spaces import Space


class StartingFromState(eqx.Module):
    inner: Any
    first: Float64[np.ndarray, "m d"]
    count: Int64[np.ndarray, ""]  # of `first`, how many were proposed


class StartingFrom(AbstractProposer[StartingFromState]):
    """A warm start: a portfolio, the defaults, or the best of an earlier study.

    Use `starting_from`, which also knows where to put them in a proposer of rungs.
    """

    proposer: AbstractProposer[Any]
    configs: tuple[Config, ...]

    @property
    def rank_based(self) -> bool:  # type: ignore[override]
        """As the inner proposer is."""
        return self.proposer.rank_based

    @property
    def multi_fidelity(self) -> bool:  # type: ignore[override]
        """As the inner proposer is."""
        return self.proposer.multi_fidelity

    def init(self, space: Space, *, key: Key) -> StartingFromState:
        """Checks the configurations against the space."""
        first = space.encode(list(self.configs))
        inner = self.proposer.init(space, key=key)
        return StartingFromState(inner, first, np.array(0))

    def propose(self, state: StartingFromState, n: int, *, key: Key) -> Proposal:
        """What is left of the given ones, then the inner proposer's."""
        first = Proposal.fresh(state.first[int(state.count) :][:n])
        if len(first) == n:
            return first
        inner = self.proposer.expect(state.inner, first)
        more = self.proposer.propose(inner, n - len(first), key=key)
        return Proposal(
            np.concatenate([first.x, more.x]),
            np.append(first.parent, more.parent),
            np.append(first.budget, more.budget),
        )

    def expect(self, state: StartingFromState, proposal: Proposal) -> StartingFromState:
        """The inner proposer waits for all of them."""
        count = min(len(state.first), int(state.count) + len(proposal))
        inner = self.proposer.expect(state.inner, proposal)
        return StartingFromState(inner, state.first, np.array(count))

    def tell(self, state: StartingFromState, outcome: Outcome) -> StartingFromState:
        """The inner proposer learns from all of them."""
        inner = self.proposer.tell(state.inner, outcome)
        return StartingFromState(inner, state.first, state.count)


def starting_from(
    proposer: AbstractProposer[Any], configs: list[Config]
) -> AbstractProposer[Any]:
    """`proposer`, but the given configurations come first.

    Where new trials come from a sampler (successive halving, Hyperband) they start on
    the first rung and compete there.
    """
    if any(item.name == "sampler" for item in fields(proposer)):  # type: ignore[arg-type]
        sampler: Any = proposer.sampler  # type: ignore[attr-defined]
        return replace(proposer, sampler=starting_from(sampler, configs))  # type: ignore
    return StartingFrom(proposer, tuple(dict(config) for config in configs))
