"""KerasTuner over the space of AutoKeras' image block (its "vanilla" branch).

For where AutoKeras itself can't be installed beside a current Keras. The first trial is
AutoKeras' own first configuration: two convolutions of 32 and 64 channels, pooling,
dropout of a quarter, Adam at 1e-3, batches of 32; further ones are drawn at random. A
fifth of the images is for validation, the best epoch by it is kept, and the best model
of all trials answers. A trial that the limit ends keeps its best epoch so far.
"""

import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np

PATIENCE, MOST_EPOCHS = 10, 1000  # AutoKeras' own
MARGIN = 0.97  # of the time, after which a training is stopped


def fit(
    x: np.ndarray, y: np.ndarray, seconds: float, seed: int
) -> Callable[[np.ndarray], np.ndarray]:
    end = time.monotonic() + MARGIN * seconds
    import keras
    import keras_tuner

    keras.utils.set_random_seed(seed)
    inputs = x.astype("float32")[..., None]
    normalize = keras.layers.Normalization(mean=inputs.mean(), variance=inputs.var())
    classes = int(y.max()) + 1
    best: list[Any] = [np.inf, None]

    class Clock(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if time.monotonic() > end:
                if best[1] is None:  # not one epoch: what there is
                    self.keep(np.inf)
                raise Over

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            if logs["val_loss"] < best[0]:
                self.keep(logs["val_loss"])

        def keep(self, loss: float) -> None:
            best[:] = [loss, keras.models.clone_model(self.model)]
            best[1].set_weights(self.model.get_weights())

    def build(choose: Any) -> Any:
        model = keras.Sequential([keras.Input(inputs.shape[1:]), normalize])
        size = choose.Choice("kernel", [3, 5, 7], default=3)
        dropout = choose.Choice("dropout", [0.0, 0.25, 0.5], default=0.25)
        for block in range(choose.Choice("blocks", [1, 2, 3], default=1)):
            for layer in range(choose.Choice("layers", [1, 2], default=2)):
                options = [16, 32, 64, 128, 256, 512]
                default = 64 if layer else 32
                width = choose.Choice(
                    f"width_{block}_{layer}", options, default=default
                )
                conv = keras.layers.Conv2D(
                    width, size, activation="relu", padding="same" if block else "valid"
                )
                model.add(conv)
            if min(model.output_shape[1:3]) > 1:
                model.add(keras.layers.MaxPooling2D(2))
            model.add(keras.layers.Dropout(dropout))
        model.add(keras.layers.Flatten())
        model.add(keras.layers.Dropout(0.5))
        model.add(keras.layers.Dense(classes, activation="softmax"))
        rates = [1e-1, 1e-2, 1e-3, 1e-4, 2e-5, 1e-5]
        rate = choose.Choice("rate", rates, default=1e-3)
        model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
        return model

    order = np.random.default_rng(seed).permutation(len(y))
    held = len(y) // 5
    train, valid = order[held:], order[:held]
    with tempfile.TemporaryDirectory() as folder:
        tuner = keras_tuner.RandomSearch(
            build, objective="val_loss", max_trials=1000, seed=seed, directory=folder
        )
        start = keras_tuner.HyperParameters()
        build(start)
        trials = iter([start])
        while time.monotonic() < end:
            choice = next(trials, None) or _drawn(tuner, build, seed := seed + 1)
            stop = keras.callbacks.EarlyStopping(patience=PATIENCE)
            try:
                build(choice).fit(
                    inputs[train],
                    y[train],
                    batch_size=32,
                    epochs=MOST_EPOCHS,
                    validation_data=(inputs[valid], y[valid]),
                    callbacks=[Clock(), stop],
                    verbose=0,
                )
            except Over:
                break
    return lambda images: best[1].predict(
        images.astype("float32")[..., None], batch_size=500, verbose=0
    )


class Over(Exception):
    """The time is up."""


def _drawn(tuner: Any, build: Any, seed: int) -> Any:
    """A random configuration of the space."""
    rng = np.random.default_rng(seed)
    choices = tuner.oracle.get_space().copy()
    for one in choices.space:
        choices.values[one.name] = one.values[int(rng.integers(len(one.values)))]
    return choices
