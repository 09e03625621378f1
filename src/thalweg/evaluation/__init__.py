"""How good a model is: metrics, splits of the rows, rankings with error bars."""

from thalweg.evaluation.metrics import METRICS, Metric, loss_of, value_of
from thalweg.evaluation.ranking import (
    Ranking,
    mean_and_error,
    mean_ranks,
    normalised_scores,
    rank_correlation,
    rank_trials,
)
from thalweg.evaluation.splits import Splits, choose_splits, hold_out, k_fold

__all__ = [
    "METRICS",
    "Metric",
    "Ranking",
    "Splits",
    "choose_splits",
    "hold_out",
    "k_fold",
    "loss_of",
    "mean_and_error",
    "mean_ranks",
    "normalised_scores",
    "rank_correlation",
    "rank_trials",
    "value_of",
]
