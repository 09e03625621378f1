"""Thalweg's estimators, called as anyone would call them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable

# compiled anew in every run: the cache of an earlier one would be no fair start
os.environ["THALWEG_CACHE"] = tempfile.mkdtemp(prefix="thalweg-benchmark-")

import numpy as np
import pandas as pd
from tabular_tables import Problem

import thalweg as tw

ESTIMATORS = {True: tw.TabularClassifier, False: tw.TabularRegressor}  # loaded here


def fit(
    problem: Problem, *, seconds: float, seed: int
) -> Callable[[pd.DataFrame], np.ndarray]:
    model = ESTIMATORS[problem.is_classification](time_limit=seconds, random_state=seed)
    model.fit(problem.X_train, problem.y_train)
    return model.predict_proba if problem.is_classification else model.predict
