"""Random search: independent uniform configurations.

Bergstra & Bengio 2012, https://www.jmlr.org/papers/v13/bergstra12a.html
Where the space carries users' priors, half of the rows are drawn from those: what
PriorBand does on its lowest rung (Mallik et al. 2023, https://arxiv.org/abs/2306.12370).
A wrong prior then costs at most half of the trials.
Departs from the first: a finite space is drawn from without replacement.
"""

import math
from collections.abc import Callable
from typing import ClassVar

import equinox as eqx
import numpy as np
from jaxtyping import Float64

from thalweg.core.rng import generator
from thalweg.core.typing import Key
from thalweg.proposers.base import AbstractProposer, Outcome, Proposal
from thalweg.proposers.distinct import draw
from thalweg.spaces import Space, row_keys

Sample = Callable[[int], Float64[np.ndarray, "m d"]]
PRIOR_SHARE = 0.5  # of the rows, where there are priors


class RandomState(eqx.Module):
    space: Space = eqx.field(static=True)
    seen: Float64[np.ndarray, "m d"]  # kept only where the space is finite


class Random(AbstractProposer[RandomState]):
    """The baseline that every other search must beat; any number of workers."""

    rank_based: ClassVar[bool] = True
    multi_fidelity: ClassVar[bool] = False
    objectives: ClassVar[int | None] = None

    def init(self, space: Space, *, key: Key) -> RandomState:
        """Nothing seen."""
        del key
        return RandomState(space, np.zeros((0, space.dim)))

    def propose(self, state: RandomState, n: int, *, key: Key) -> Proposal:
        """`n` uniform rows; fewer when a finite space runs out."""
        space, rng = state.space, generator(key)
        seen = set(row_keys(state.seen))
        sample = partly_believed(space, lambda m: rng.random((m, space.dim)), rng)
        return Proposal.fresh(draw(space, n, seen, sample, rng))

    def expect(self, state: RandomState, proposal: Proposal) -> RandomState:
        """Remembers the rows."""
        return self._saw(state, proposal.x)

    def tell(self, state: RandomState, outcome: Outcome) -> RandomState:
        """Losses don't matter; rows told without being asked for are remembered."""
        known = set(row_keys(state.seen))
        new = [key not in known for key in row_keys(outcome.x)]
        return self._saw(state, outcome.x[new])

    def _saw(self, state: RandomState, x: Float64[np.ndarray, "n d"]) -> RandomState:
        if math.isinf(state.space.size) or not len(x):
            return state
        return RandomState(state.space, np.concatenate([state.seen, x]))


def partly_believed(space: Space, sample: Sample, rng: np.random.Generator) -> Sample:
    """`sample`, but where there are users' priors, half of the rows are from those."""
    if not space.has_prior:
        return sample

    def mixed(m: int) -> Float64[np.ndarray, "m d"]:
        rows = sample(m).copy()
        believed = rng.random(m) < PRIOR_SHARE
        rows[believed] = space.sample_prior(int(believed.sum()), rng)
        return rows

    return mixed
