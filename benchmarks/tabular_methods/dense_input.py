"""Preparation for plain networks: impute, standardise, one-hot, and a held-out part."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from tabular_tables import Problem, with_date_parts, with_filled_text

VALIDATION_FRACTION = 0.2


@dataclass(frozen=True)
class DenseParts:
    """Training and validation arrays (float32) and the way from a frame to one.

    Regression targets are standardised: `center` and `spread` undo it.
    """

    transform: Pipeline
    X: np.ndarray
    y: np.ndarray
    X_valid: np.ndarray
    y_valid: np.ndarray
    center: float
    spread: float

    def read(self, X: pd.DataFrame) -> np.ndarray:
        return self.transform.transform(_readable(X)).astype(np.float32)


def prepare(problem: Problem, *, seed: int) -> DenseParts:
    """Split off a fifth (stratified) and fit the preparation on the rest only."""
    frame, y = _readable(problem.X_train), problem.y_train
    train, valid = _hold_out(problem, seed)
    numeric = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True), StandardScaler()
    )
    nominal = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    transform = ColumnTransformer(
        [
            ("numeric", numeric, make_column_selector(dtype_include=np.number)),
            ("nominal", nominal, make_column_selector(dtype_exclude=np.number)),
        ]
    )
    X = transform.fit_transform(frame.iloc[train]).astype(np.float32)
    X_valid = transform.transform(frame.iloc[valid]).astype(np.float32)
    center, spread = 0.0, 1.0
    if not problem.is_classification:
        center, spread = float(y[train].mean()), float(y[train].std()) or 1.0
        y = ((y - center) / spread).astype(np.float32)
    return DenseParts(transform, X, y[train], X_valid, y[valid], center, spread)


def _hold_out(problem: Problem, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows to train and to validate on; a class with one row is trained on."""
    rows, y = np.arange(len(problem.y_train)), problem.y_train
    if not problem.is_classification:
        return train_test_split(rows, test_size=VALIDATION_FRACTION, random_state=seed)
    alone = np.bincount(y)[y] < 2
    train, valid = train_test_split(
        rows[~alone],
        test_size=VALIDATION_FRACTION,
        random_state=seed,
        stratify=y[~alone],
    )
    return np.concatenate([train, rows[alone]]), valid


def _readable(X: pd.DataFrame) -> pd.DataFrame:
    return with_filled_text(with_date_parts(X))
