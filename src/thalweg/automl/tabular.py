"""Estimators for tables, to scikit-learn's letter."""

import time
from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin

from thalweg.automl.estimator import AbstractEstimator
from thalweg.automl.features import TableFeatures
from thalweg.automl.fit import fit
from thalweg.automl.model import Model
from thalweg.data import load_table


class AbstractTabular(AbstractEstimator):
    """What both estimators for tables share."""

    def __init__(
        self,
        time_limit: float | None = 60,
        max_trials: int | None = None,
        *,
        metric: str | None = None,
        cv: int | None = None,
        preset: str = "balanced",
        proposer: str | None = None,
        ensemble: bool = True,
        categorical: tuple[str, ...] = (),
        random_state: int | None = None,
    ):
        self.time_limit = time_limit
        self.max_trials = max_trials
        self.metric = metric
        self.cv = cv
        self.preset = preset
        self.proposer = proposer
        self.ensemble = ensemble
        self.categorical = categorical
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _fit(self, X: Any, y: Any) -> Self:
        begin = time.monotonic()
        name = type(self).__name__
        table = load_table(X, y, self._task, categorical=self.categorical, owner=name)
        return self._keep(fit(table, self._settings(), begin=begin))

    def _describe(self, model: Model) -> None:
        assert isinstance(model.features, TableFeatures)
        schema = model.features.preprocessors[0].schema
        self.n_features_in_ = len(schema.columns)
        if schema.named:
            names = [column.name for column in schema.columns]
            self.feature_names_in_ = np.array(names, dtype=object)


class TabularClassifier(ClassifierMixin, AbstractTabular):
    """Finds the best network for a table with classes, within a time limit.

    **time_limit**: seconds for everything, or None. **max_trials**: configurations, or
    None; with trials alone as the limit, equal `random_state` gives equal results.
    **metric**: what is optimised (log_loss, accuracy, balanced_accuracy, roc_auc, f1).
    **cv**: folds; by default by the size of the table. **preset**: fast, balanced or
    best. **proposer**: the search algorithm. **ensemble**: a weighted mean of the best
    networks instead of the best one. **categorical**: columns whose numbers are names.

    Columns may be numbers, strings, booleans and dates, with missing values. Fitted:
    `classes_`, `model_`, `study_` (the search with all its trials).

    Raises DataError or InvalidInput with one sentence for input that it can't use.
    """

    _task = "classification"

    def fit(self, X: Any, y: Any) -> Self:
        """Search, and keep the best model. `X`: a table; `y`: a label for each row."""
        return self._fit(X, y)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities `[n, c]`, in the order of `classes_`."""
        return self._raw(X)


class TabularRegressor(RegressorMixin, AbstractTabular):
    """Finds the best network for a table with a number as the target.

    Parameters are those of `TabularClassifier`; metrics are rmse, mae and r2.
    """

    _task = "regression"

    def fit(self, X: Any, y: Any) -> Self:
        """Search, and keep the best model. `X`: a table; `y`: a number for each row."""
        return self._fit(X, y)
