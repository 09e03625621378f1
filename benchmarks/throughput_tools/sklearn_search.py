"""scikit-learn's RandomizedSearchCV over MLPClassifier, two jobs of one thread.

It has neither five optimizers nor five activations: Adam and AdamW become its Adam,
the others its SGD with momentum; tanh stays tanh, the others become ReLU. One
hold-out split instead of folds, no refit, no early stopping: the same work per trial.
"""

from __future__ import annotations

import time
import warnings

import numpy as np
from sklearn.model_selection import PredefinedSplit, RandomizedSearchCV
from sklearn.neural_network import MLPClassifier

from throughput_tools.recipes import BATCH, EPOCHS, HIDDEN, Recipe, Run, digits


def run(recipes: list[Recipe], *, lanes: int) -> Run:
    warnings.simplefilter("ignore")  # "maximum iterations reached", as intended
    X, y, X_valid, y_valid = digits()
    hold_out = PredefinedSplit(np.repeat([-1, 0], [len(X), len(X_valid)]))
    search = RandomizedSearchCV(
        MLPClassifier(
            HIDDEN, batch_size=BATCH, max_iter=EPOCHS, tol=0.0, n_iter_no_change=EPOCHS
        ),
        [_distribution(recipe) for recipe in recipes],  # drawn without replacement
        n_iter=len(recipes),
        n_jobs=lanes,
        cv=hold_out,
        refit=False,
        random_state=0,
    )
    search.fit(np.concatenate([X, X_valid]), np.concatenate([y, y_valid]))
    scores = search.cv_results_["mean_test_score"].tolist()
    return Run([time.time()] if len(recipes) == 1 else [], scores)


def _distribution(recipe: Recipe) -> dict[str, list[object]]:
    adam = recipe.optimizer in ("adam", "adamw")
    return {
        "solver": ["adam" if adam else "sgd"],
        "beta_1" if adam else "momentum": [recipe.momentum],
        "activation": ["tanh" if recipe.activation == "tanh" else "relu"],
        "learning_rate_init": [recipe.learning_rate],
        "alpha": [recipe.weight_decay],
        "random_state": [recipe.seed],
    }
