"""Early stopping by curvature: end before the validation loss becomes a narrow valley.

Zela et al. 2020, "Understanding and Robustifying Differentiable Architecture Search"
(DARTS-ES), section 4.3, https://arxiv.org/abs/1909.09656
The dominant eigenvalue of the validation loss' Hessian in the alphas is averaged over a
window of epochs; once the average of a window ago is below `ratio` of today's, the
alphas of then are the answer.
Departs from the paper: the window is a tenth of the search, as its 5 of 50 epochs; the
first quarter is not looked at, because while nothing is learnt yet the loss is flat in
everything; and the eigenvalue comes by power iteration on a batch, the Hessian never
being formed.
"""

from collections.abc import Sequence

import numpy as np

RATIO = 0.75


def stop_at(
    eigenvalues: Sequence[float], epochs: int, *, ratio: float = RATIO
) -> int | None:
    """The epoch to go back to if it is time to stop; None if it is not.

    **eigenvalues**: of each epoch until now. **epochs**: of the whole search.
    """
    window, first = max(2, round(epochs / 10)), epochs // 4
    now = len(eigenvalues) - 1
    if now - first < 2 * window - 1:
        return None
    sizes = np.abs(np.asarray(eigenvalues, float))
    today = sizes[now - window + 1 :].mean()
    before = sizes[now - 2 * window + 1 : now - window + 1].mean()
    return now - window if before < ratio * today else None
