"""What all estimators share, to scikit-learn's letter: settings, answers, saving."""

from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from thalweg.automl.fit import Fit
from thalweg.automl.model import Model
from thalweg.automl.settings import Settings
from thalweg.data import Task

if TYPE_CHECKING:
    import pandas as pd


class AbstractEstimator(BaseEstimator):
    """A search whose settings are attributes, as scikit-learn wants them."""

    _task: Task
    time_limit: float | None
    max_trials: int | None
    metric: str | None
    cv: int | None
    preset: str
    proposer: str | None
    ensemble: bool
    random_state: Any

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        # the seed decides, but a time limit makes the number of trials vary
        tags.non_deterministic = self.time_limit is not None
        return tags

    def _settings(self, **more: Any) -> Settings:
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
            **more,
        )

    def _keep(self, fit: Fit) -> Self:
        """What came of a search, as fitted attributes."""
        self.study_, self.fit_ = fit.search, fit
        return self._hold(fit.model)

    def _hold(self, model: Model) -> Self:
        self.model_ = model
        if model.classes is not None:
            self.classes_ = model.classes.labels
        self._describe(model)
        return self

    @abstractmethod
    def _describe(self, model: Model) -> None:
        """Keep what is known of the inputs, as attributes."""

    def _raw(self, X: Any) -> np.ndarray:
        check_is_fitted(self, "model_")
        return self.model_.predict_raw(X, owner=type(self).__name__)[0]

    def predict(self, X: Any) -> np.ndarray:
        """Class labels `[n]`, or values `[n]`, for rows like those of `fit`."""
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
            state["model_"] = Model.from_state(*state["model_"])
        super().__setstate__(state)  # type: ignore[misc]

    @classmethod
    def _of(cls, model: Model) -> Self:
        """An estimator around a model that was loaded."""
        return cls()._hold(model)
