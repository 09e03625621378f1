"""BOHB: Hyperband whose new trials a model chooses, but for a random share of them.

Falkner et al. 2018, "BOHB: Robust and Efficient Hyperparameter Optimization at Scale",
Algorithms 1 and 2, https://arxiv.org/abs/1807.01774
Departs from the paper: survivors resume from their own weights; the model is a Gaussian
process by default. TPE at a budget that only survivors reach holds good trials against
good ones, and came to chance there.
"""

from typing import Any, ClassVar

import equinox as eqx
import numpy as np

from thalweg.core.errors import InvalidInput
from thalweg.core.rng import generator
from thalweg.core.typing import Key
from thalweg.proposers.base import AbstractProposer, Outcome, Proposal
from thalweg.proposers.gp import GaussianProcess
from thalweg.proposers.halving import AbstractHalving, Rung, depth, hyperband_rungs
from thalweg.proposers.random import Random
from thalweg.spaces import Space


class InterleavedState(eqx.Module):
    model: Any
    random: Any


class Interleaved(AbstractProposer[InterleavedState]):
    """A model's proposals, each replaced by a random one with probability `share`.

    However the model errs, a search is then at most 1/share times slower than random
    search. The model should learn from the largest budget that it knows enough of, as
    `GaussianProcess` and `TPE` do.
    """

    model: AbstractProposer[Any] = eqx.field(default_factory=GaussianProcess)
    share: float = 1 / 3
    random: AbstractProposer[Any] = eqx.field(default_factory=Random)

    multi_fidelity: ClassVar[bool] = False

    @property
    def rank_based(self) -> bool:  # type: ignore[override]
        """As the model is."""
        return self.model.rank_based

    @property
    def objectives(self) -> int | None:  # type: ignore[override]
        """As many as the model can take."""
        return self.model.objectives

    def __check_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise InvalidInput(
                f"`share` is a probability in [0, 1], but got {self.share}."
            )

    def init(self, space: Space, *, key: Key) -> InterleavedState:
        """Nothing told to either."""
        model = self.model.init(space, key=key)
        return InterleavedState(model, self.random.init(space, key=key))

    def propose(self, state: InterleavedState, n: int, *, key: Key) -> Proposal:
        """The model chooses after the random ones, so that none comes twice."""
        count = int(generator(key).binomial(n, self.share))
        random = Proposal.fresh(np.zeros((0, 0)))
        model = state.model
        if count:
            random = self.random.propose(state.random, count, key=key)
            model = self.model.expect(model, random)
        if len(random) == n:
            return random
        chosen = self.model.propose(model, n - len(random), key=key)
        x = [random.x, chosen.x] if len(random) else [chosen.x]
        return Proposal.fresh(np.concatenate(x))

    def expect(self, state: InterleavedState, proposal: Proposal) -> InterleavedState:
        """Both wait for all of them."""
        return InterleavedState(
            self.model.expect(state.model, proposal),
            self.random.expect(state.random, proposal),
        )

    def tell(self, state: InterleavedState, outcome: Outcome) -> InterleavedState:
        """Both learn from all of them."""
        return InterleavedState(
            self.model.tell(state.model, outcome),
            self.random.tell(state.random, outcome),
        )


class BOHB(AbstractHalving):
    """`Hyperband` for more than one round of brackets: later ones begin where the
    earlier ones found good trials.

    The first bracket is mostly random, since nothing is known; short searches gain
    nothing over `Hyperband`. With the paper's model:
    `BOHB(sampler=Interleaved(TPE()))`.
    """

    min_budget: int | float = 1 / 27  # fraction of a full training
    factor: int | float = 3
    brackets: int | None = None  # exhausted after so many; None: goes on
    sampler: AbstractProposer[Any] = eqx.field(default_factory=Interleaved)

    def __check_init__(self) -> None:
        depth(self.min_budget, self.factor)

    def rungs(self, bracket: int) -> tuple[Rung, ...]:
        """Hyperband's."""
        return hyperband_rungs(bracket, self.min_budget, self.factor)
