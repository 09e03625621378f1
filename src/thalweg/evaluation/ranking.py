"""Rankings with error bars: which trials can be told apart, which methods lead.

A trial's losses are a row of units: folds, or rows of the table. The leader's own score
is optimistic, because it was chosen for being lowest: the more trials, the more so.
"""

import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int

from thalweg.core.errors import InvalidInput, unknown_name

Losses = Float[np.ndarray, "n u"]  # of trial n on unit u; NaN: the trial failed there


@dataclass(frozen=True)
class Ranking:
    """Trials from the best to the worst; the other fields are in the trials' order."""

    order: Int[np.ndarray, " n"]  # trial numbers; those that failed come last
    mean: Float[np.ndarray, " n"]
    error: Float[np.ndarray, " n"]  # standard error of the mean
    behind: Float[np.ndarray, " n"]  # mean loss minus the leader's
    low: Float[np.ndarray, " n"]  # confidence interval of `behind`
    high: Float[np.ndarray, " n"]
    distinguishable: Bool[np.ndarray, " n"]  # from the leader: 0 is not in the interval


def mean_and_error(
    losses: Losses, *, overlap: float = 0.0
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Mean and standard error over the units of each row.

    **overlap**: of folds, validation rows per training row (1/4 for 5 folds). Their
    training parts share rows, so that their spread understates the error; the variance
    is `(1/u + overlap)` of the units' instead of `1/u`: Nadeau & Bengio 2003,
    https://doi.org/10.1023/A:1024068626366. 0 for independent units: rows, seeds.
    A single unit has no error: NaN.
    """
    losses = np.asarray(losses, float)
    units = losses.shape[1]
    if units < 2:
        return losses.mean(axis=1), np.full(len(losses), np.nan)
    spread = losses.std(axis=1, ddof=1)
    return losses.mean(axis=1), spread * np.sqrt(1 / units + overlap)


def rank_trials(
    losses: Losses, *, overlap: float = 0.0, confidence: float = 0.95
) -> Ranking:
    """Rank trials by mean loss, each compared with the leader unit by unit.

    The comparison is paired: what is hard for both cancels. A trial is not
    distinguishable when Student's interval of the mean difference covers 0. It needs
    tens of rows or so to be right for losses with heavy tails.
    """
    from scipy import stats

    losses = np.asarray(losses, float)
    mean, error = mean_and_error(losses, overlap=overlap)
    order = np.argsort(mean, kind="stable")  # NaN sorts last
    behind, width = mean_and_error(losses - losses[order[0]], overlap=overlap)
    width = width * stats.t.ppf((1 + confidence) / 2, max(1, losses.shape[1] - 1))
    low, high = behind - width, behind + width
    failed = np.isnan(mean)
    return Ranking(order, mean, error, behind, low, high, (low > 0) | failed)


def rank_correlation(
    a: Float[np.ndarray, " n"],
    b: Float[np.ndarray, " n"],
    *,
    kind: Literal["spearman", "kendall"] = "spearman",
    draws: int = 200,
    seed: int = 0,
) -> tuple[float, float]:
    """How far two judgements rank alike, from -1 to 1, and the standard error of that.

    For scores and losses of the same trials at two fidelities. The error is that of
    `draws` bootstrap samples. What failed is last: +inf of a loss, -inf of a score; NaN
    is for losses, and is last too.
    """
    from scipy import stats

    a, b = (np.asarray(values, float) for values in (a, b))
    if a.shape != b.shape or a.ndim != 1 or len(a) < 3:
        raise InvalidInput(
            "A rank correlation needs two rows of at least 3 values, but got the "
            f"shapes {a.shape} and {b.shape}."
        )
    a, b = (stats.rankdata(np.where(np.isnan(v), np.inf, v)) for v in (a, b))
    measures = {"spearman": stats.spearmanr, "kendall": stats.kendalltau}
    if kind not in measures:
        raise unknown_name("rank correlation", kind, measures)
    rng, found = np.random.default_rng(seed), []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.ConstantInputWarning)
        for _ in range(draws):
            rows = rng.integers(0, len(a), len(a))
            found.append(measures[kind](a[rows], b[rows]).statistic)
        return float(measures[kind](a, b).statistic), float(np.nanstd(found))


def mean_ranks(
    losses: Float[np.ndarray, "t n"],
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Mean rank of each method over data sets `t`, from 1, and its standard error.

    Ties share their ranks' mean. A method that failed on a data set (NaN) is last.
    """
    from scipy import stats

    ranks = stats.rankdata(_failed_last(losses), axis=1)
    return mean_and_error(ranks.T)


def normalised_scores(
    losses: Float[np.ndarray, "t n"],
    reference: Float[np.ndarray, " t"] | None = None,
) -> Float[np.ndarray, "t n"]:
    """1 for a data set's best method, 0 for `reference` or worse, linear between.

    **reference**: a loss per data set, such as the baseline's; by default the worst
    method's. 0 for a method that failed, 1 for all where none differ.
    """
    losses = np.asarray(losses, float)
    best = _failed_last(losses).min(axis=1, keepdims=True)
    if reference is None:
        worst = np.fmax.reduce(losses, axis=1)[:, None]
    else:
        worst = np.asarray(reference, float)[:, None]
    with np.errstate(all="ignore"):
        score = (worst - losses) / (worst - best)
    score = np.where(worst > best, score, losses <= worst)
    return np.where(np.isnan(losses), 0.0, np.clip(score, 0.0, 1.0))


def _failed_last(losses: Float[np.ndarray, "t n"]) -> Float[np.ndarray, "t n"]:
    return np.where(np.isnan(losses), np.inf, np.asarray(losses, float))
