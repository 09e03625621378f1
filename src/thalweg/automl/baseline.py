"""The baseline: what a search has to beat, and what is returned if it doesn't.

Two models that need no search, scored on the same splits as the networks: the prior
(class shares, mean) and a linear model. Their work is bounded by arithmetic, not by the
clock, so that the same table always has the same baseline.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Num

from thalweg.automl.linear import (
    Columns,
    Features,
    Linear,
    choose_columns,
    logistic_path,
    prior,
    ridge_path,
    screened_rows,
)
from thalweg.core.errors import InvalidInput
from thalweg.evaluation.metrics import METRICS, Metric, loss_of
from thalweg.evaluation.splits import Splits

# times the loss's curvature per row, from strong to weak
_PENALTIES = {
    "classification": (1.0, 1e-1, 1e-2, 1e-3, 1e-4),
    "regression": (10.0, 1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5),
}
_MOST_ITERATIONS = 40  # of L-BFGS for one penalty
_USUAL_ITERATIONS = 20
_MOST_COLUMNS = {"classification": 1_000, "regression": 500}
_LOGISTIC_WORK = 2e10  # multiplications and additions of all fits: a second or two
_RIDGE_WORK = 4e10  # in large matrix products, which run faster

Rows = Int[np.ndarray, " r"]
Path = Callable[[float], Linear]


@dataclass(frozen=True)
class Candidate:
    """One baseline model with its out-of-fold predictions."""

    name: str  # "prior" or "linear"
    model: Linear  # fitted on all rows, for prediction
    prediction: Float[np.ndarray, "n c"]  # of `Splits.rows`
    loss: float  # of `prediction`; lower is better
    penalty: float = 0.0

    def to_state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Settings for JSON, and arrays: the model and its score, not `prediction`."""
        settings, arrays = self.model.to_state()
        own = {"name": self.name, "loss": self.loss, "penalty": self.penalty}
        return {**own, **settings}, arrays

    @staticmethod
    def from_state(
        settings: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
    ) -> "Candidate":
        """The candidate without its out-of-fold predictions (no rows)."""
        model = Linear.from_state(settings, arrays)
        nothing = np.zeros((0, len(model.bias)), np.float32)
        name, loss, penalty = (settings[key] for key in ("name", "loss", "penalty"))
        return Candidate(name, model, nothing, loss, penalty)


@dataclass(frozen=True)
class Baseline:
    """The candidates, the prior first; `best` is the one to beat."""

    candidates: tuple[Candidate, ...]

    @property
    def best(self) -> Candidate:
        """The candidate of lowest loss; the simpler of equals."""
        return min(self.candidates, key=lambda c: (np.isnan(c.loss), c.loss))

    def __getitem__(self, name: str) -> Candidate:
        return next(c for c in self.candidates if c.name == name)


def fit_baseline(
    features: Features | Sequence[Features],
    y: Num[np.ndarray, " n"],
    *,
    task: str,
    splits: Splits,
    metric: Metric | str,
    classes: int | None = None,
    refit: Features | None = None,
    seed: int = 0,
) -> Baseline:
    """Fit prior and linear model on each split and on all rows.

    **features**: all rows of the table as each split's preprocessor gives them, one
    mapping per split; or one for all. **y**: class codes, or values.
    **refit**: all rows as the preprocessor fitted on all rows gives them; by default
    the first of `features`. **classes**: number of classes; default the largest code
    plus one. The linear model's penalty is the one of lowest out-of-fold loss. Large
    tables are fitted on a sample of their rows, wide ones on their most correlated
    columns: the time is a few seconds at most.
    """
    metric = METRICS[metric] if isinstance(metric, str) else metric
    if task not in _PENALTIES:
        known = " or ".join(_PENALTIES)
        raise InvalidInput(f"`task` must be {known}, but got {task!r}.")
    tables = [features] * len(splits) if isinstance(features, Mapping) else features
    by_class = task == "classification"
    last = tables[0] if refit is None else refit
    problem = _Problem(
        task=task,
        y=np.asarray(y, np.int64 if by_class else None),
        splits=splits,
        metric=metric,
        classes=classes or (max(2, int(np.max(y)) + 1) if by_class else 1),
        seed=seed,
    )
    candidates = [problem.prior()]
    if not by_class or len(np.unique(problem.y)) > 1:
        candidates.append(problem.linear(list(tables), last))
    return Baseline(tuple(candidates))


@dataclass(frozen=True)
class _Problem:
    task: str
    y: np.ndarray
    splits: Splits
    metric: Metric
    classes: int
    seed: int

    def prior(self) -> Candidate:
        models = [self.fit_prior(train) for train in self.splits.train]
        nothing = [np.zeros((len(v), 0), np.float32) for v in self.splits.validation]
        prediction, loss = self.score(models, nothing)
        model = self.fit_prior(np.arange(len(self.y)))
        return Candidate("prior", model, prediction, loss)

    def fit_prior(self, rows: Rows) -> Linear:
        median = self.metric.name == "mae"  # whose best constant it is
        target = self.y[rows]
        return prior(target, task=self.task, classes=self.classes, median=median)

    def linear(self, tables: list[Features], refit: Features) -> Candidate:
        """Weaker and weaker penalties, until the out-of-fold loss rises."""
        paths, unseen = [], []
        for table, (train, validation) in zip(tables, self.splits, strict=True):
            columns, path = self.path(table, train)
            paths.append(path)
            unseen.append(columns.matrix(_take(table, validation)))
        best = None
        for penalty in _PENALTIES[self.task]:
            prediction, loss = self.score([path(penalty) for path in paths], unseen)
            if best is None or loss < best[1] or np.isnan(best[1]):
                best = prediction, loss, penalty
            elif self.task == "classification":
                break  # each further penalty costs a fit
        assert best is not None
        prediction, loss, penalty = best
        _, path = self.path(refit, np.arange(len(self.y)))
        return Candidate("linear", path(penalty), prediction, loss, penalty)

    def score(
        self, models: Sequence[Linear], unseen: Sequence[Float[np.ndarray, "nv k"]]
    ) -> tuple[Float[np.ndarray, "n c"], float]:
        """Out-of-fold predictions and their loss, from each split's validation part."""
        parts = [m.predict_matrix(x) for m, x in zip(models, unseen, strict=True)]
        prediction = self.splits.out_of_fold(parts)
        value = self.metric(self.y[self.splits.rows], prediction)
        return prediction, loss_of(self.metric, value)

    def path(self, table: Features, rows: Rows) -> tuple[Columns, Path]:
        """The linear model of some rows, as a function of the penalty."""
        width = table["numeric"].shape[1] + table["categorical"].shape[1]
        rows = self.sample(rows, screened_rows(len(rows), width))
        target = self.y[rows, None]
        if self.task == "classification":
            target = target == np.arange(self.classes)
        most_rows, most_columns = self.limits(len(rows))
        columns = choose_columns(_take(table, rows), target, most_columns)
        rows = self.sample(rows, most_rows(len(columns.numeric) + len(columns.codes)))
        x, y = columns.matrix(_take(table, rows)), self.y[rows]
        if not x.shape[1] or (y == y[0]).all():  # nothing to learn from, or nothing to
            model = self.fit_prior(rows)
            return model.columns, lambda penalty: model
        if self.task == "regression":
            return columns, ridge_path(columns, x, y)
        return columns, logistic_path(columns, x, y, self.classes, _MOST_ITERATIONS)

    def limits(self, rows: int) -> tuple[Callable[[int], int], int]:
        """Rows (given the columns) and columns that the work allows, two to one."""
        fits, most = len(self.splits) + 1, _MOST_COLUMNS[self.task]
        if self.task == "regression":
            by_cell = _RIDGE_WORK / fits / 2
            return lambda d: int(min(rows, by_cell / max(1, d) ** 2)), most
        outputs = self.classes if self.classes > 2 else 1
        fits = fits * len(_PENALTIES[self.task])
        cells = _LOGISTIC_WORK / (fits * _USUAL_ITERATIONS * 4 * outputs)
        square = max(50, int(np.sqrt(cells / 2)))
        most = min(most, max(square, int(cells / rows)))
        return lambda d: int(min(rows, max(100, cells / max(1, d)))), most

    def sample(self, rows: Rows, size: int) -> Rows:
        """`size` of the rows by chance, and at least one of each class."""
        if size >= len(rows):
            return rows
        some = np.random.default_rng(self.seed).permutation(rows)[:size]
        if self.task == "classification":
            _, first = np.unique(self.y[rows], return_index=True)
            some = np.concatenate([some, rows[first]])
        return np.unique(some)


def _take(table: Features, rows: Rows) -> dict[str, np.ndarray]:
    return {name: np.asarray(array)[rows] for name, array in table.items()}
