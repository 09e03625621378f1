"""Which hyper-parameters mattered: permutation importance in a random forest.

Breiman 2001, section 10, https://doi.org/10.1023/A:1010933404324

A forest predicts the rank of a trial from its configuration; a hyper-parameter matters
as much as the prediction of trials it has not seen gets worse when that hyper-parameter
is shuffled among them. Half of that increase of the squared error is Sobol's total
effect (Jansen 1999, https://doi.org/10.1016/S0010-4655(98)00154-4): the variance that
hangs on it, alone or together with others.

Ranks, since a few bad trials would outweigh all others; trials that diverged share the
worst rank.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import nan
from typing import TYPE_CHECKING, Any

import numpy as np

from thalweg.report.data import ReportData
from thalweg.report.facts import Facts, as_number, is_missing, numbers

if TYPE_CHECKING:
    from jaxtyping import Float

ENOUGH = 20  # trials; fewer can't tell
MOST = 1000  # trials that are looked at, evenly spaced
FOLDS = 3
TREES = 64
SHUFFLES = 4
RANKED = ("complete", "stopped", "cut", "diverged")


@dataclass(frozen=True)
class Importance:
    """Per hyper-parameter the share of the ranks' variance that hangs on it."""

    names: tuple[str, ...]  # the most important first
    shares: tuple[float, ...]
    errors: tuple[float, ...]  # standard error over the folds
    explained: (
        float  # share of the variance that the forest foretells (R²); NaN: unknown
    )
    reason: str = ""  # why there is nothing to say, if so


def importance(data: ReportData) -> Importance:
    """Of the hyper-parameters that differ between trials; deterministic."""
    trials: Any = data.trials
    if len(trials):
        trials = trials[trials["status"].isin(RANKED)]
    names = Facts.of(data).searched()
    score = numbers(trials, "score") if len(trials) else np.zeros(0)
    return importance_of(
        {name: list(trials[f"config.{name}"]) for name in names},
        budget=numbers(trials, "budget") if len(trials) else score,
        loss=-score if data.maximize else score,
    )


def importance_of(
    columns: "Mapping[str, Sequence[Any]]",
    *,
    budget: "Float[np.ndarray, ' n']",
    loss: "Float[np.ndarray, ' n']",
) -> Importance:
    """Of hyper-parameters by their columns, with None or NaN where one is absent.

    A loss that is not finite is worse than all; the loss itself counts only by rank.
    """
    names, count = list(columns), len(loss)
    if not names or count < ENOUGH:
        reason = (
            f"It takes at least {ENOUGH} trials to tell, and there are {count}."
            if count < ENOUGH
            else "No hyper-parameter differed between the trials."
        )
        return Importance((), (), (), nan, reason)
    rows = np.unique(np.linspace(0, count - 1, MOST).astype(int))
    blocks = [encoded([columns[name][row] for row in rows]) for name in names]
    budget = budget[rows]
    if len(set(budget)) > 1:  # halving: what was trained longer is better, too
        blocks.append(encoded(budget))
    shares, explained = _forest_shares(blocks, _ranks(loss[rows]))
    shares = shares[:, : len(names)]
    mean, error = shares.mean(0), shares.std(0, ddof=1) / FOLDS**0.5
    order = np.argsort(-mean, kind="stable")
    reason = (
        "The score can't be foretold from the configuration: either nothing mattered "
        "much, or there are too few trials."
        if explained < 0.1
        else ""
    )
    return Importance(
        tuple(names[i] for i in order),
        tuple(float(max(mean[i], 0.0)) for i in order),
        tuple(float(error[i]) for i in order),
        explained,
        reason,
    )


def encoded(values: Any) -> "Float[np.ndarray, 'n c']":
    """Numbers as they are with gaps below the least; anything else one-hot."""
    values = list(values)
    known = [value for value in values if not is_missing(value)]
    if all(isinstance(v, int | float | np.number) for v in known):
        column = np.asarray([as_number(value) for value in values])
        finite = column[np.isfinite(column)]
        low = finite.min() - 1.0 if len(finite) else 0.0
        return np.where(np.isfinite(column), column, low)[:, None]
    texts = np.asarray([repr(value) for value in values])
    return (texts[:, None] == np.unique(texts)[None, :]).astype(float)


def _ranks(loss: "Float[np.ndarray, ' n']") -> "Float[np.ndarray, ' n']":
    """From 0, the worst, to 1; equal losses share a rank."""
    from scipy.stats import rankdata

    score = np.where(np.isfinite(loss), -loss, -np.inf)
    return (rankdata(score) - 1) / max(1, len(score) - 1)


def _forest_shares(
    blocks: "list[np.ndarray]", target: "Float[np.ndarray, ' n']"
) -> "tuple[Float[np.ndarray, 'folds k'], float]":
    """Per fold and block, the variance that hangs on the block; and the forest's R²."""
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.model_selection import KFold

    features = np.concatenate(blocks, axis=1)
    ends = np.cumsum([block.shape[1] for block in blocks])
    rng = np.random.default_rng(0)
    shares = np.zeros((FOLDS, len(blocks)))
    squares = 0.0
    folds = KFold(FOLDS, shuffle=True, random_state=0).split(features)
    for fold, (train, test) in enumerate(folds):
        forest = RandomForestRegressor(
            TREES, min_samples_leaf=2, max_features=0.5, random_state=fold
        )
        forest.fit(features[train], target[train])
        right = target[test]
        spread = max(float(np.var(target)), 1e-12)
        error = float(np.mean((forest.predict(features[test]) - right) ** 2))
        squares += error / spread / FOLDS
        for k, end in enumerate(ends):
            start = end - blocks[k].shape[1]
            shuffled = np.tile(features[test], (SHUFFLES, 1))
            order = np.concatenate(
                [rng.permutation(len(test)) for _ in range(SHUFFLES)]
            )
            shuffled[:, start:end] = features[test][order, start:end]
            wrong = forest.predict(shuffled) - np.tile(right, SHUFFLES)
            shares[fold, k] = (float(np.mean(wrong**2)) - error) / (2 * spread)
    return shares, 1.0 - squares
