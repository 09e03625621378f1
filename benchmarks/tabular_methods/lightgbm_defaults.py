"""LightGBM with its defaults on one thread; categories by their type."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier, LGBMRegressor
from tabular_tables import Problem, with_date_parts


def fit(
    problem: Problem, *, seconds: float, seed: int
) -> Callable[[pd.DataFrame], np.ndarray]:
    kind = LGBMClassifier if problem.is_classification else LGBMRegressor
    model = kind(random_state=seed, n_jobs=1, verbose=-1)
    model.fit(_numbered(problem.X_train), problem.y_train)
    predict = model.predict_proba if problem.is_classification else model.predict
    return lambda X: predict(_numbered(X))


def _numbered(X: pd.DataFrame) -> pd.DataFrame:
    X = with_date_parts(X)
    X.columns = [f"c{i}" for i in range(X.shape[1])]  # it refuses some characters
    return X
