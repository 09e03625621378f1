"""Models of the loss that proposers share, in NumPy, double precision."""

from thalweg.surrogates.acquisition import log_expected_improvement
from thalweg.surrogates.embedding import Embedding
from thalweg.surrogates.gp import Data, Posterior, fit
from thalweg.surrogates.maximize import best_batch
from thalweg.surrogates.pareto import chebyshev, hypervolume, nondominated, order
from thalweg.surrogates.threads import one_thread
from thalweg.surrogates.warping import warp

__all__ = [
    "Data",
    "Embedding",
    "Posterior",
    "best_batch",
    "chebyshev",
    "fit",
    "hypervolume",
    "log_expected_improvement",
    "nondominated",
    "one_thread",
    "order",
    "warp",
]
