"""Estimators for tables, to scikit-learn's letter."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from thalweg.automl.fit import Settings, fit_table
from thalweg.automl.model import TabularModel
from thalweg.data import Task, load_table

if TYPE_CHECKING:
    import pandas as pd


class AbstractTabular(BaseEstimator):
    """What both estimators share: the settings, fitting, saving."""

    _task: Task

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
        # the seed decides, but a time limit makes the number of trials vary
        tags.non_deterministic = self.time_limit is not None
        return tags

    def _fit(self, X: Any, y: Any) -> Self:
        begin = time.monotonic()
        name = type(self).__name__
        table = load_table(X, y, self._task, categorical=self.categorical, owner=name)
        fit = fit_table(table, self._settings(), begin=begin)
        self.model_ = fit.model
        self.study_ = fit.search
        self.fit_ = fit
        self.n_features_in_ = len(table.schema.columns)
        if table.schema.named:
            names = [column.name for column in table.schema.columns]
            self.feature_names_in_ = np.array(names, dtype=object)
        return self

    def _settings(self) -> Settings:
        seed = self.random_state
        if seed is None:
            seed = int(np.random.SeedSequence().generate_state(1)[0])
        elif isinstance(seed, np.random.RandomState):
            seed = int(seed.randint(2**31))
        return Settings(
            time_limit=self.time_limit,
            trials=self.max_trials,
            seed=int(seed),
            cv=self.cv,
            metric=self.metric,
            preset=self.preset,
            proposer=self.proposer,
            ensemble=self.ensemble,
        )

    def _raw(self, X: Any) -> np.ndarray:
        check_is_fitted(self, "model_")
        return self.model_.predict_raw(X, owner=type(self).__name__)[0]

    def predict(self, X: Any) -> np.ndarray:
        """Class labels `[n]`, or values `[n]`, for the rows of a table."""
        raw = self._raw(X)
        return self.model_.labels(raw)

    def leaderboard(self) -> "pd.DataFrame":
        """The trials that have a score, the best first, one column per setting."""
        check_is_fitted(self, "study_")
        import pandas as pd

        rows = [
            {
                "trial": trial.number,
                "score": trial.score.value,
                "error": trial.score.error,
                "status": trial.status,
                "steps": trial.steps,
                "parameters": trial.parameters,
                "train_seconds": trial.train_seconds,
                **trial.config,
            }
            for trial in self.study_.leaderboard
            if trial.score is not None
        ]
        return pd.DataFrame(rows)

    def save(self, folder: str | Path) -> None:
        """Write the model (not the study) into a folder; `thalweg.load` reads it."""
        check_is_fitted(self, "model_")
        self.model_.save(folder)

    def __getstate__(self) -> dict[str, Any]:
        """For copies and worker processes: the model, without the search behind it."""
        state: dict[str, Any] = dict(super().__getstate__())  # type: ignore
        for name in ("study_", "fit_"):
            state.pop(name, None)
        if "model_" in state:
            state["model_"] = state["model_"].to_state()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        if "model_" in state:
            state["model_"] = TabularModel.from_state(*state["model_"])
        super().__setstate__(state)  # type: ignore[misc]

    @classmethod
    def _of(cls, model: TabularModel) -> Self:
        """An estimator around a model that was loaded."""
        estimator = cls()
        estimator.model_ = model
        schema = model.features.preprocessors[0].schema
        estimator.n_features_in_ = len(schema.columns)
        if schema.named:
            names = [column.name for column in schema.columns]
            estimator.feature_names_in_ = np.array(names, dtype=object)
        if model.classes is not None:
            estimator.classes_ = model.classes.labels  # type: ignore[attr-defined]
        return estimator


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
        self._fit(X, y)
        assert self.model_.classes is not None
        self.classes_ = self.model_.classes.labels
        return self

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
