"""Losses as a Gaussian process wants them: centred, scaled, no outliers, all finite.

The worse half is replaced by its ranks, laid out as the upper half of a normal
distribution whose scale is the better half's; the better half keeps its distances.
Song et al. 2024, "The Vizier Gaussian Process Bandit Algorithm", half-rank warping,
https://arxiv.org/abs/2408.11527
Departs from the paper: no logarithm afterwards; failed trials count as ties for the
worst.
"""

import numpy as np
from jaxtyping import Float64
from scipy.special import ndtri


def warp(loss: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    """Increasing in `loss` (ties stay ties), mean 0, standard deviation 1 (or all 0).

    NaN and infinity, diverged trials, become the worst finite loss.
    """
    loss = np.asarray(loss, np.float64)
    finite = np.isfinite(loss)
    if not finite.any():
        return np.zeros_like(loss)
    y = np.where(finite, loss, loss[finite].max())
    y = y / (np.abs(y).max() or 1.0)  # differences of 1e308 would overflow
    y = y - np.median(y)
    worse = y > 0
    _, place, ties = np.unique(y[worse], return_inverse=True, return_counts=True)
    rank = (np.cumsum(ties) - 0.5 * (ties - 1))[place]  # the mean rank of ties
    y = np.minimum(y, 0.0) / (-y.min() or 1.0)
    spread = np.sqrt(np.mean(y[~worse] ** 2)) or 1.0
    y[worse] = spread * ndtri(0.5 + 0.5 * rank / (worse.sum() + 1))
    y = y - y.mean()
    return y / (y.std() or 1.0)


def bilog(values: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    """Constraints as a process wants them: zero stays zero, large values don't matter.

    The sign times log(1 + |c|) (Eriksson & Poloczek 2021, section 3.1), over its root
    mean square. What is not finite counts as the worst finite value, or as a violation.
    """
    finite = np.isfinite(values)
    worst = max(values[finite].max(initial=0.0), 0.0) or 1.0
    known = np.where(finite, values, worst)
    known = known / (np.median(np.abs(known)) or np.abs(known).max() or 1.0)
    y = np.sign(known) * np.log1p(np.abs(known))
    return y / (np.sqrt(np.mean(y * y)) or 1.0)
