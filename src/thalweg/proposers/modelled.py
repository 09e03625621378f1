"""What a model of one loss is fitted to: a number for each row, and which rows."""

import numpy as np
from jaxtyping import Bool, Float64

from thalweg.proposers.archive import Archive


def scalar_loss(
    archive: Archive, rng: np.random.Generator
) -> Float64[np.ndarray, " n"]:
    """The loss, or several objectives weighed at random (ParEGO); NaN where it failed.

    What breaks a constraint counts as failed.
    """
    if not len(archive):
        return np.zeros(0)
    from thalweg.surrogates import chebyshev
    from thalweg.surrogates.pareto import violations

    failed = violations(archive.losses, archive.constraints) > 0
    return chebyshev(np.where(failed[:, None], np.nan, archive.losses), rng)


def at_level(
    budget: Float64[np.ndarray, " n"], loss: Float64[np.ndarray, " n"], enough: int
) -> Bool[np.ndarray, " n"]:
    """Marks those of the largest budget of which `enough` finite losses are known.

    If there is none, of the budget that most are known of; nothing if all failed.
    """
    finite = np.isfinite(loss)
    counts = {b: finite[budget == b].sum() for b in np.unique(budget)}
    if not finite.any():
        return np.zeros(len(loss), bool)
    met = [b for b, count in counts.items() if count >= enough]
    level = max(met) if met else max(counts, key=lambda b: (counts[b], b))
    return budget == level
