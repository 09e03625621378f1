"""AutoKeras as a user calls it; its clock is a callback, for it has no time limit.

One trial, its own first configuration: on two cores that does not end within five
minutes. A fifth of the images is for validation, and AutoKeras keeps the best epoch by
it. It gets its own early stopping as a callback, which spares it the second training on
all images that it would begin after the time is up.

AutoKeras 3.0.0 fails beside Keras 3.15.1 (it counts units as a NumPy integer, which
Dense refuses), so that `images.py` runs KerasTuner over its image block unless told
otherwise.
"""

import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np

MARGIN = 0.9  # of the time, after which the training is stopped and judged


def fit(
    x: np.ndarray, y: np.ndarray, seconds: float, seed: int
) -> Callable[[np.ndarray], np.ndarray]:
    end = time.monotonic() + MARGIN * seconds
    import autokeras
    import keras

    class Clock(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if time.monotonic() > end:  # the epoch ends here, and is judged
                self.model.stop_training = True

    order = np.random.default_rng(seed).permutation(len(y))
    valid, train = np.split(order, [len(y) // 5])
    images = x[..., None]
    model = autokeras.ImageClassifier(
        max_trials=1, seed=seed, directory=tempfile.mkdtemp(), overwrite=True
    )
    stop = keras.callbacks.EarlyStopping(patience=10, min_delta=1e-4)
    model.fit(
        images[train],
        y[train],
        validation_data=(images[valid], y[valid]),
        callbacks=[stop, Clock()],
        verbose=0,
    )
    best = model.export_model()
    return lambda images: best.predict(images[..., None], batch_size=500, verbose=0)
