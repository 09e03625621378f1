"""AutoGluon on one processor within the limit: its default preset, and best_quality.

It imports the libraries of its models when it first trains one; they are imported here,
so that, as for every method, importing is not part of the measured fit.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable

import catboost  # noqa: F401
import fastai.tabular.all  # noqa: F401
import lightgbm  # noqa: F401
import numpy as np
import pandas as pd
import xgboost  # noqa: F401
from autogluon.tabular import TabularPredictor
from tabular_tables import Problem


def fit_default(
    problem: Problem, *, seconds: float, seed: int
) -> Callable[[pd.DataFrame], np.ndarray]:
    return _fit(problem, seconds, presets=None)


def fit_best(
    problem: Problem, *, seconds: float, seed: int
) -> Callable[[pd.DataFrame], np.ndarray]:
    return _fit(problem, seconds, presets="best_quality")


def _fit(
    problem: Problem, seconds: float, *, presets: str | None
) -> Callable[[pd.DataFrame], np.ndarray]:
    target = "_target_"
    directory = tempfile.mkdtemp(prefix="autogluon-")
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    kind = "regression"
    if problem.is_classification:
        kind = "binary" if problem.classes == 2 else "multiclass"
    predictor = TabularPredictor(
        label=target,
        problem_type=kind,
        eval_metric=(
            "log_loss" if problem.is_classification else "root_mean_squared_error"
        ),
        path=directory,
        verbosity=0,
    )
    predictor.fit(
        problem.X_train.assign(**{target: problem.y_train}),
        time_limit=seconds,
        presets=presets,
        num_cpus=1,
        num_gpus=0,
    )
    if not problem.is_classification:
        return lambda X: predictor.predict(X).to_numpy()
    order = range(problem.classes)
    return lambda X: predictor.predict_proba(X)[list(order)].to_numpy()
