"""AutoKeras as a user calls it; its clock is a callback, for it has no time limit.

Whatever trial runs when the time is up is ended, and the best model of those that were
saved answers.
"""

import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np

MARGIN = 0.97  # of the time, after which a training is stopped


def fit(
    x: np.ndarray, y: np.ndarray, seconds: float, seed: int
) -> Callable[[np.ndarray], np.ndarray]:
    end = time.monotonic() + MARGIN * seconds
    import autokeras
    import keras

    class Clock(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if time.monotonic() > end:
                # ends the epoch at its validation, so that the trial has a score
                self.model.stop_training = True

    folder = tempfile.mkdtemp()
    model = autokeras.ImageClassifier(
        max_trials=1, seed=seed, directory=folder, overwrite=True
    )
    model.fit(
        x[..., None],
        y,
        validation_split=0.2,
        callbacks=[Clock()],
        epochs=1000,
        verbose=0,
    )
    best = model.export_model()
    return lambda images: best.predict(images[..., None], batch_size=500, verbose=0)
