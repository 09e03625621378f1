"""RealMLP and TabM by pytabkit, their defaults, one thread.

RealMLP-TD: Holzmueller, Grinsztajn, Steinwart 2024, https://arxiv.org/abs/2407.04491
TabM: Gorishniy, Kotelnikov, Babenko 2024, https://arxiv.org/abs/2410.24210

Classification is judged by log loss, so both choose their epoch by cross-entropy and
RealMLP trains without label smoothing, as pytabkit's documentation advises for that
metric. It takes no missing numbers: medians of the training part fill them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from pytabkit import (
    RealMLP_TD_Classifier,
    RealMLP_TD_Regressor,
    TabM_D_Classifier,
    TabM_D_Regressor,
)
from tabular_tables import Problem, with_date_parts, with_filled_text


def fit_realmlp(
    problem: Problem, *, seconds: float, seed: int
) -> Callable[[pd.DataFrame], np.ndarray]:
    if not problem.is_classification:
        return _fit(problem, RealMLP_TD_Regressor, seed)
    metric = {"val_metric_name": "cross_entropy", "use_ls": False}
    return _fit(problem, RealMLP_TD_Classifier, seed, **metric)


def fit_tabm(
    problem: Problem, *, seconds: float, seed: int
) -> Callable[[pd.DataFrame], np.ndarray]:
    if not problem.is_classification:
        return _fit(problem, TabM_D_Regressor, seed)
    return _fit(problem, TabM_D_Classifier, seed, val_metric_name="cross_entropy")


def _fit(
    problem: Problem, kind: type, seed: int, **settings: object
) -> Callable[[pd.DataFrame], np.ndarray]:
    torch.set_num_threads(1)
    train = with_date_parts(problem.X_train)
    medians = train.median(numeric_only=True).fillna(0.0)

    def complete(X: pd.DataFrame) -> pd.DataFrame:
        return with_filled_text(with_date_parts(X)).fillna(medians)

    nominal = list(train.select_dtypes("category").columns)
    model = kind(device="cpu", random_state=seed, n_threads=1, verbosity=0, **settings)
    model.fit(complete(problem.X_train), problem.y_train, cat_col_names=nominal)
    predict = model.predict_proba if problem.is_classification else model.predict
    return lambda X: predict(complete(X))
