"""Models of the loss that proposers share, in NumPy, double precision."""

from thalweg.surrogates.acquisition import log_expected_improvement
from thalweg.surrogates.candidates import pool
from thalweg.surrogates.curves import Curves, Points, fit_curves
from thalweg.surrogates.embedding import Embedding
from thalweg.surrogates.ensemble import Ensemble
from thalweg.surrogates.gp import Posterior
from thalweg.surrogates.importance import fanova
from thalweg.surrogates.input_warping import choose_shapes
from thalweg.surrogates.likelihood import Data, fit, fit_once
from thalweg.surrogates.maximize import Landscape, best_batch
from thalweg.surrogates.merit import Bound, Hypervolume, Improvement, Merit
from thalweg.surrogates.pareto import chebyshev, hypervolume, nondominated, order
from thalweg.surrogates.paths import Paths
from thalweg.surrogates.sums import Field, SumOfKernels
from thalweg.surrogates.thompson import thompson_batch
from thalweg.surrogates.threads import one_thread
from thalweg.surrogates.views import View, Views
from thalweg.surrogates.warping import bilog, warp

__all__ = [
    "Bound",
    "Curves",
    "Data",
    "Embedding",
    "Ensemble",
    "Field",
    "Hypervolume",
    "Improvement",
    "Landscape",
    "Merit",
    "Paths",
    "Points",
    "Posterior",
    "SumOfKernels",
    "View",
    "Views",
    "best_batch",
    "bilog",
    "chebyshev",
    "choose_shapes",
    "fanova",
    "fit",
    "fit_curves",
    "fit_once",
    "hypervolume",
    "log_expected_improvement",
    "nondominated",
    "one_thread",
    "order",
    "pool",
    "thompson_batch",
    "warp",
]
