"""Coordinates bent so that the loss varies evenly along them.

A fixed set of Kumaraswamy's functions, chosen for each dimension by the likelihood:
Snoek et al. 2014, "Input Warping for Bayesian Optimization of Non-stationary
Functions", https://proceedings.mlr.press/v32/snoek14.html
Departs from the paper: a choice among a few instead of two more hyper-parameters for
each dimension, so that few observations can't be over-fitted.
"""

from functools import lru_cache

import numpy as np
from jaxtyping import Float64

from thalweg.spaces import Space
from thalweg.surrogates.embedding import Embedding
from thalweg.surrogates.kumaraswamy import Shapes
from thalweg.surrogates.likelihood import Data, fit_once, negative_log_posterior

BENDS = ((2.0, 1.0), (4.0, 1.0), (1.0, 2.0), (1.0, 4.0))
WORTH = 1.0  # by how much the log likelihood must rise: straight is likelier


def choose_shapes(
    space: Space, u: Float64[np.ndarray, "n d"], targets: Float64[np.ndarray, " n"]
) -> Shapes:
    """Each dimension's likeliest shape, one after the other, remembered for a while.

    At the hyper-parameters of straight coordinates, which are fitted first.
    """
    return _remembered(space, u.tobytes(), targets.tobytes())


@lru_cache(maxsize=64)
def _remembered(space: Space, rows: bytes, targets: bytes) -> Shapes:
    y = np.frombuffer(targets)
    u = np.frombuffer(rows).reshape(len(y), space.dim)
    shapes = np.ones((space.dim, 2))

    def data(shapes: Shapes) -> Data:
        embedding = Embedding(space, shapes)
        return Data(embedding.features(u), embedding.group, y, space.dim)

    theta = fit_once(data(shapes))
    lowest = negative_log_posterior(theta, data(shapes))[0]
    for j in range(space.dim):
        if space.kinds[j] == "choice":
            continue
        straight = lowest
        for bend in BENDS:
            bent = shapes.copy()
            bent[j] = bend
            value = negative_log_posterior(theta, data(bent))[0]
            if value < min(lowest, straight - WORTH):
                lowest, best = value, bent
        if lowest < straight:
            shapes = best
    shapes.setflags(write=False)
    return shapes
