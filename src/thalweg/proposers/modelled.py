"""What a model of one loss is fitted to: a number for each row, and which rows."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float64, Int64

from thalweg.proposers.archive import Archive

ENOUGH = 4  # trials that went on, for a line; fewer give a shift


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


def aligned(archive: Archive) -> Archive:
    """Every outcome, its loss taken to the largest budget.

    What was trained for less is taken there from budget to budget, each time by the
    line through the trials that went on; losses above all of theirs keep their distance
    (autoregressive, as in Kennedy & O'Hagan 2000,
    https://doi.org/10.1093/biomet/87.1.1). So survivors, who are all good, are held
    against those who were not. Costs grow with the budget. Where all budgets are alike
    nothing changes.
    """
    finite = np.asarray(np.isfinite(archive.losses).all(1))
    budgets = np.unique(archive.budget[finite])
    if len(budgets) < 2:
        return archive
    losses = archive.losses.copy()
    for lower, upper in pairwise(budgets):
        before, after = _went_on(archive, finite, lower, upper)
        below = archive.budget <= lower
        for column, told in zip(losses.T, archive.losses.T, strict=True):
            column[below] = _carried(column[below], told[before], told[after])
    cost = archive.cost * (budgets[-1] / archive.budget)
    return replace(archive, losses=losses, cost=cost)


def _went_on(
    archive: Archive, finite: Bool[np.ndarray, " n"], lower: float, upper: float
) -> tuple[Int64[np.ndarray, " k"], Int64[np.ndarray, " k"]]:
    """Outcomes at one budget and at the next one, of the same trials."""
    ran = finite & (archive.trial >= 0)
    first = np.flatnonzero(ran & (archive.budget == lower))
    then = np.flatnonzero(ran & (archive.budget == upper))
    _, a, b = np.intersect1d(
        archive.trial[first], archive.trial[then], return_indices=True
    )
    return first[a], then[b]


def _carried(
    loss: Float64[np.ndarray, " n"],
    before: Float64[np.ndarray, " k"],
    after: Float64[np.ndarray, " k"],
) -> Float64[np.ndarray, " n"]:
    """Losses at one budget as they would be at the next, by pairs of both."""
    if not len(before):
        return loss
    with np.errstate(over="ignore", invalid="ignore"):  # losses near the largest number
        away = before - before.mean()
        square = float(away @ away)
        line = len(before) >= ENOUGH and square > 0
        slope = max(0.0, float(away @ after) / square) if line else 1.0
        beyond = np.maximum(loss - before.max(), 0.0)
        found = after.mean() + slope * (loss - beyond - before.mean()) + beyond
    return np.where(np.isfinite(found), found, loss)
