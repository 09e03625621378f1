"""Thalweg as a user calls it."""

from collections.abc import Callable

import numpy as np


def fit(
    x: np.ndarray, y: np.ndarray, seconds: float, seed: int
) -> Callable[[np.ndarray], np.ndarray]:
    import thalweg as tw

    model = tw.ImageClassifier(time_limit=seconds, random_state=seed).fit(x, y)
    return model.predict_proba
