"""Estimators for images, to scikit-learn's calling convention."""

import time
from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin

from thalweg.automl.estimator import AbstractEstimator
from thalweg.automl.fit import fit
from thalweg.automl.image_features import ImageFeatures
from thalweg.automl.model import Model
from thalweg.data.images import load_images


class AbstractImages(AbstractEstimator):
    """What both estimators for images share."""

    def __init__(
        self,
        time_limit: float | None = 300,
        max_trials: int | None = None,
        *,
        metric: str | None = None,
        cv: int | None = None,
        preset: str = "balanced",
        proposer: str | None = None,
        ensemble: bool = True,
        image_size: int | tuple[int, int] | None = None,
        random_state: int | None = None,
    ):
        self.time_limit = time_limit
        self.max_trials = max_trials
        self.metric = metric
        self.cv = cv
        self.preset = preset
        self.proposer = proposer
        self.ensemble = ensemble
        self.image_size = image_size
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        return tags

    def _fit(self, X: Any, y: Any) -> Self:
        begin = time.monotonic()
        settings = self._settings(image_size=self.image_size)
        images = load_images(
            X,
            y,
            self._task,
            image_size=self.image_size,
            owner=type(self).__name__,
        )
        return self._keep(fit(images, settings, begin=begin))

    def _describe(self, model: Model) -> None:
        assert isinstance(model.features, ImageFeatures)
        self.image_shape_ = model.features.form.shape


class ImageClassifier(ClassifierMixin, AbstractImages):
    """Finds the best convolutional network for images of classes, within a time limit.

    **time_limit**: seconds for everything, or None. **max_trials**: configurations, or
    None; with trials alone as the limit, equal `random_state` gives equal results.
    **metric**: what is optimised (log_loss, accuracy, balanced_accuracy, roc_auc, f1).
    **cv**: folds; by default only for few images. **preset**: fast, balanced or best.
    **proposer**: the search algorithm. **ensemble**: a weighted mean of the best
    networks instead of the best one. **image_size**: the longest side in pixels, 64 by
    default, or (height, width).

    Fitted: `classes_`, `model_`, `study_` (the search with all its trials) and
    `image_shape_`.

    Raises DataError or InvalidInput with one sentence for input that it can't use.
    """

    _task = "classification"

    def fit(self, X: Any, y: Any = None) -> Self:
        """Search, and keep the best model.

        **X**: arrays `[n, h, w]` or `[n, h, w, c]`, a list of arrays of any sizes or of
        paths, with a label for each in **y**; or a folder of class folders.
        """
        return self._fit(X, y)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities `[n, c]`, in the order of `classes_`."""
        return self._raw(X)


class ImageRegressor(RegressorMixin, AbstractImages):
    """Finds the best convolutional network for a number that images show.

    Parameters are those of `ImageClassifier`; metrics are rmse, mae and r2.
    """

    _task = "regression"

    def fit(self, X: Any, y: Any) -> Self:
        """Search, and keep the best model. `X`: arrays or paths; `y`: their numbers."""
        return self._fit(X, y)
