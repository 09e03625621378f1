"""CatBoost with its defaults on one thread; categories as text."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from catboost import CatBoostClassifier, CatBoostRegressor
from tabular_tables import Problem, with_date_parts, with_filled_text


def fit(
    problem: Problem, *, seconds: float, seed: int
) -> Callable[[pd.DataFrame], np.ndarray]:
    kind = CatBoostClassifier if problem.is_classification else CatBoostRegressor
    model = kind(
        random_seed=seed, thread_count=1, verbose=False, allow_writing_files=False
    )
    nominal = list(problem.X_train.select_dtypes("category").columns)
    model.fit(_readable(problem.X_train), problem.y_train, cat_features=nominal)
    predict = model.predict_proba if problem.is_classification else model.predict
    return lambda X: predict(_readable(X))


def _readable(X: pd.DataFrame) -> pd.DataFrame:
    return with_filled_text(with_date_parts(X))
