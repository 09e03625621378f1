"""scikit-learn's HistGradientBoosting with its defaults; categories by their type.

Its binning fails on a column with no value at all, so those are left out.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from tabular_tables import Problem, with_date_parts


def fit(
    problem: Problem, *, seconds: float, seed: int
) -> Callable[[pd.DataFrame], np.ndarray]:
    if problem.is_classification:
        model = HistGradientBoostingClassifier(random_state=seed)
    else:
        model = HistGradientBoostingRegressor(random_state=seed)
    train = with_date_parts(problem.X_train)
    filled = train.columns[train.notna().any()]
    model.fit(train[filled], problem.y_train)
    predict = model.predict_proba if problem.is_classification else model.predict
    return lambda X: predict(with_date_parts(X)[filled])
