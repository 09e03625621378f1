"""Random search over scikit-learn's MLP until the clock ends.

Epochs are single `partial_fit` calls, which continue Adam where it stopped: so the
clock can be read after every epoch, the held-out fifth decides when to stop, and the
best epoch of the best setting is what is returned.
"""

from __future__ import annotations

import copy
import math
import time
import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.stats import loguniform
from sklearn.metrics import log_loss, mean_squared_error
from sklearn.model_selection import ParameterSampler
from sklearn.neural_network import MLPClassifier, MLPRegressor
from tabular_tables import Problem

from tabular_methods.dense_input import DenseParts, prepare

MAX_EPOCHS = 200
PATIENCE = 16  # epochs without a better validation loss
RESERVE = 0.02  # fraction of the limit left for the end

SPACE = {
    "hidden_layer_sizes": [(w,) * d for w in (32, 64, 128, 256) for d in (1, 2, 3)],
    "activation": ["relu", "tanh", "logistic"],
    "alpha": loguniform(1e-6, 1e-1),
    "learning_rate_init": loguniform(1e-4, 3e-2),
    "batch_size": [32, 64, 128, 256],
}


def fit(
    problem: Problem, *, seconds: float, seed: int
) -> Callable[[pd.DataFrame], np.ndarray]:
    deadline = time.monotonic() + seconds * (1 - RESERVE)
    warnings.simplefilter("ignore")
    parts = prepare(problem, seed=seed)
    best, best_loss = None, math.inf
    for number, setting in enumerate(
        ParameterSampler(SPACE, n_iter=1_000_000, random_state=seed)
    ):
        setting["batch_size"] = min(setting["batch_size"], len(parts.X))
        kind = MLPClassifier if problem.is_classification else MLPRegressor
        model = kind(**setting, random_state=seed + number)
        trained, loss = _train(model, parts, problem, deadline)
        if best is None or loss < best_loss:
            best, best_loss = trained, loss
        if time.monotonic() > deadline:
            break

    def predict(X: pd.DataFrame) -> np.ndarray:
        if problem.is_classification:
            return best.predict_proba(parts.read(X)).astype(np.float64)
        return (
            best.predict(parts.read(X)).astype(np.float64) * (parts.spread)
            + parts.center
        )

    return predict


def _train(
    model: MLPClassifier | MLPRegressor,
    parts: DenseParts,
    problem: Problem,
    deadline: float,
) -> tuple[MLPClassifier | MLPRegressor, float]:
    labels = {"classes": np.arange(problem.classes)} if problem.classes else {}
    kept, best, best_epoch = None, math.inf, 0
    for epoch in range(MAX_EPOCHS):
        try:
            model.partial_fit(parts.X, parts.y, **(labels if epoch == 0 else {}))
        except ValueError:  # it raises where its weights became infinite
            break
        loss = _validate(model, parts, problem)
        if kept is None or loss < best:
            kept, best, best_epoch = copy.deepcopy(model), loss, epoch
        if time.monotonic() > deadline or epoch - best_epoch >= PATIENCE:
            break
    return kept, best


def _validate(
    model: MLPClassifier | MLPRegressor, parts: DenseParts, problem: Problem
) -> float:
    if not problem.is_classification:
        return mean_squared_error(parts.y_valid, model.predict(parts.X_valid))
    probabilities = model.predict_proba(parts.X_valid).astype(np.float64)
    return log_loss(parts.y_valid, probabilities, labels=np.arange(problem.classes))
