"""Evenly spread configurations first, then those that a model prefers."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float64

from thalweg.proposers.archive import Archive
from thalweg.proposers.base import Proposal
from thalweg.proposers.distinct import draw
from thalweg.proposers.random import partly_believed
from thalweg.proposers.sobol import sequence
from thalweg.spaces import row_keys
from thalweg.surrogates import one_thread

# (pending rows, keys of all known rows, how many) -> so many unseen rows, or fewer
Improve = Callable[[Float64[np.ndarray, "k d"], set[bytes], int], np.ndarray]


def evenly_first(
    state: Archive,
    n: int,
    improve: Improve | None,
    *,
    initial: int,
    rng: np.random.Generator,
) -> Proposal:
    """`n` rows: evenly spread ones until `initial` are known, then those of `improve`.

    Without `improve` (nothing to learn from yet) all are spread. Where users have given
    priors, half of the spread rows are drawn from those. What `improve` can't find, as
    when a finite space is nearly exhausted, is drawn uniformly.
    """
    space, known, seen = state.space, state.known, state.seen()
    if len(seen) >= space.size:
        return Proposal.fresh(known[:0])
    spread = n if improve is None else min(n, max(0, initial - len(known)))
    x = known[:0]
    if spread:
        points = sequence(space.dim, int(state.seed), len(known))
        x = draw(space, spread, seen, partly_believed(space, points, rng), rng)
    if improve is not None and len(x) < n:
        seen.update(row_keys(x))
        with one_thread():
            found = improve(np.concatenate([state.pending, x]), seen, n - len(x))
        x = np.concatenate([x, found])
    if len(x) < n:
        seen.update(row_keys(x))
        rest = draw(space, n - len(x), seen, lambda m: rng.random((m, space.dim)), rng)
        x = np.concatenate([x, rest])
    return Proposal.fresh(x)
