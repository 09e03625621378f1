"""Thompson sampling: a batch in which each row is the best of one drawn function.

Thompson 1933, https://doi.org/10.1093/biomet/25.3-4.285; for batches: Kandasamy et al.
2018, https://proceedings.mlr.press/v84/kandasamy18a.html
With constraints: Eriksson & Poloczek 2021 (SCBO), section 3,
https://arxiv.org/abs/2002.08526
With several objectives each row has random weights (`pareto.chebyshev`).
"""

import numpy as np
from jaxtyping import Float64

from thalweg.surrogates.maximize import Landscape
from thalweg.surrogates.pareto import chebyshev
from thalweg.surrogates.paths import Paths


def thompson_batch(
    landscape: Landscape,
    n: int,
    *,
    rows: Float64[np.ndarray, "m d"],
    rng: np.random.Generator,
) -> Float64[np.ndarray, "k d"]:
    """`n` different ones of `rows`, or all of them if there are no more than that.

    A row that its drawn constraints allow is better than any that they don't, and of
    those the least in violation is the best.
    """
    features = landscape.embedding.features(rows)
    losses, excess = _drawn(landscape, features, n, rng)
    chosen: list[int] = []
    left = np.ones(len(rows), bool)
    for i in range(min(n, len(rows))):
        allowed = left & (excess[:, i] <= 0)
        if allowed.any():
            value = np.where(allowed, chebyshev(losses[:, i], rng), np.inf)
        else:
            value = np.where(left, excess[:, i], np.inf)
        chosen.append(int(np.argmin(value)))
        left[chosen[-1]] = False
    return rows[chosen]


def _drawn(
    landscape: Landscape,
    features: Float64[np.ndarray, "m f"],
    count: int,
    rng: np.random.Generator,
) -> tuple[Float64[np.ndarray, "m count k"], Float64[np.ndarray, "m count"]]:
    """Losses, and by how much the constraints are broken, of `count` functions."""
    objectives, constraints, _ = landscape.merit.parts(landscape.models)
    losses = np.stack([Paths(m, count, rng)(features) for m in objectives], -1)
    excess = np.zeros(losses.shape[:2])
    for model in constraints:
        excess += np.maximum(Paths(model, count, rng)(features), 0.0)
    return losses, excess
