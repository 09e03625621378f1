"""Thalweg's estimators, called as anyone would call them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from tabular_tables import Problem

import thalweg as tw


def fit(
    problem: Problem, *, seconds: float, seed: int
) -> Callable[[pd.DataFrame], np.ndarray]:
    if problem.is_classification:
        model = tw.TabularClassifier(time_limit=seconds, random_state=seed)
        return model.fit(problem.X_train, problem.y_train).predict_proba
    model = tw.TabularRegressor(time_limit=seconds, random_state=seed)
    return model.fit(problem.X_train, problem.y_train).predict
