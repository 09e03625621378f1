"""The development tables: read, typed and split the same way for every method.

Numbers stay numbers, nominal columns are pandas categories (missing stays missing),
columns of dates are `datetime64`. Class labels are codes 0..c-1 in the order of
their sorted names, so that every method's probability columns agree.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

TEST_FRACTION = 0.25
SMALLEST_PROBABILITY = 1e-7  # no single row may cost more than 16.1 nats


@dataclass(frozen=True)
class Problem:
    """One table, split; `classes` is 0 for regression."""

    name: str
    classes: int
    X_train: pd.DataFrame
    y_train: np.ndarray
    X_test: pd.DataFrame
    y_test: np.ndarray

    @property
    def is_classification(self) -> bool:
        return self.classes > 0


def folder() -> Path:
    """`$THALWEG_DATA/tabular`; without the variable the data beside the repository."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    return Path(os.environ.get("THALWEG_DATA", default)) / "tabular"


def metadata() -> list[dict[str, Any]]:
    """The tables' records, smallest table (cells) first."""
    records = json.loads((folder() / "metadata.json").read_text())
    return sorted(records, key=lambda r: (r["rows"] * r["features"], r["name"]))


def load(name: str, *, seed: int) -> Problem:
    """Table `name` with its `seed`-th split: 75 % to fit, 25 % to judge, stratified."""
    record = next(r for r in metadata() if r["name"] == name)
    table = pd.read_csv(folder() / f"{name}.csv.gz")
    X, y = table.drop(columns="target"), table["target"]
    X = X.assign(**{c: _typed(X[c]) for c in record["categorical_columns"]})
    classes = 0
    if record["task"] == "classification":
        labels, y = np.unique(y.astype(str), return_inverse=True)
        classes = len(labels)
    y = np.asarray(y, dtype=np.int64 if classes else np.float64)
    fit, judge = train_test_split(
        np.arange(len(y)),
        test_size=TEST_FRACTION,
        random_state=seed,
        stratify=y if classes else None,
    )
    X_fit, X_judge = (X.iloc[part].reset_index(drop=True) for part in (fit, judge))
    return Problem(name, classes, X_fit, y[fit], X_judge, y[judge])


def _typed(column: pd.Series) -> pd.Series:
    if column.dtype.kind not in "ifb" and column.nunique() > 0.5 * len(column):
        return pd.to_datetime(column)  # the only such columns are time stamps
    return column.map(str, na_action="ignore").astype("category")


def with_date_parts(X: pd.DataFrame) -> pd.DataFrame:
    """Dates as numbers, for methods that cannot read dates themselves."""
    dates = X.select_dtypes("datetime")
    parts = {
        f"{name}_{part}": getattr(dates[name].dt, part).astype(float)
        for name in dates
        for part in ("month", "day", "dayofweek", "hour", "minute")
    }
    return X.drop(columns=dates.columns).assign(**parts)


def with_filled_text(X: pd.DataFrame) -> pd.DataFrame:
    """Categories as text where "missing" is one more category."""
    nominal = X.select_dtypes("category")
    text = {c: nominal[c].astype(object).fillna("missing") for c in nominal}
    return X.assign(**text)


def judge(problem: Problem, prediction: np.ndarray) -> dict[str, float]:
    """Test scores: `loss` is what methods are ranked by (log loss, or RMSE)."""
    y = problem.y_test
    if not problem.is_classification:
        error = np.asarray(prediction, dtype=np.float64).reshape(-1) - y
        rmse = float(np.sqrt(np.mean(error**2)))
        return {
            "loss": rmse,
            "mae": float(np.mean(np.abs(error))),
            "r2": float(1 - np.mean(error**2) / np.var(y)),
        }
    p = np.asarray(prediction, dtype=np.float64)
    if p.shape != (len(y), problem.classes):
        expected = (len(y), problem.classes)
        raise ValueError(f"Probabilities must be {expected}, but got {p.shape}.")
    total = p.sum(axis=1, keepdims=True)
    if np.any(np.abs(total - 1) > 1e-3):
        raise ValueError("Probabilities must sum to one in every row.")
    own = np.clip((p / total)[np.arange(len(y)), y], SMALLEST_PROBABILITY, 1.0)
    return {
        "loss": float(-np.log(own).mean()),
        "accuracy": float(np.mean(p.argmax(axis=1) == y)),
    }


def baseline(problem: Problem) -> float:
    """Loss of the constant prediction: class frequencies, or the mean."""
    rows = len(problem.y_test)
    if not problem.is_classification:
        return judge(problem, np.full(rows, problem.y_train.mean()))["loss"]
    share = np.bincount(problem.y_train, minlength=problem.classes) / len(
        problem.y_train
    )
    return judge(problem, np.tile(share, (rows, 1)))["loss"]
