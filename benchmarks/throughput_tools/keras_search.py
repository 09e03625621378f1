"""KerasTuner walks the list of recipes; the backend is `$KERAS_BACKEND`.

The search space is the recipe's number, so that the trials are everyone's trials. Each
epoch is validated and the best one saved: that is how KerasTuner works.
"""

from __future__ import annotations

import tempfile
import time

import keras
import keras_tuner

from throughput_tools.recipes import BATCH, EPOCHS, HIDDEN, Recipe, Run, digits

_ended: list[float] = []  # KerasTuner copies its callbacks


class _NoteEnd(keras.callbacks.Callback):
    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        _ended.append(time.time())


def run(recipes: list[Recipe], *, lanes: int) -> Run:
    X, y, X_valid, y_valid = digits()

    def build(space: keras_tuner.HyperParameters) -> keras.Model:
        recipe = recipes[space.Int("recipe", 0, len(recipes) - 1)]
        keras.utils.set_random_seed(recipe.seed)
        hidden = [
            keras.layers.Dense(width, activation=recipe.activation) for width in HIDDEN
        ]
        model = keras.Sequential(
            [keras.Input((X.shape[1],)), *hidden, keras.layers.Dense(10)]
        )
        model.compile(
            optimizer=_optimizer(recipe),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )
        return model

    with tempfile.TemporaryDirectory() as directory:
        tuner = keras_tuner.GridSearch(
            build,
            objective="val_accuracy",
            max_trials=len(recipes),
            directory=directory,
        )
        tuner.search(
            X,
            y,
            validation_data=(X_valid, y_valid),
            epochs=EPOCHS,
            batch_size=BATCH,
            verbose=0,
            callbacks=[_NoteEnd()],
        )
        scores = [trial.score for trial in tuner.oracle.trials.values()]
    return Run(sorted(_ended), scores)


def _optimizer(recipe: Recipe) -> keras.optimizers.Optimizer:
    kinds = keras.optimizers
    common = {
        "learning_rate": recipe.learning_rate,
        "weight_decay": recipe.weight_decay,
    }
    if recipe.optimizer == "momentum":
        return kinds.SGD(momentum=recipe.momentum, **common)
    if recipe.optimizer == "rmsprop":
        return kinds.RMSprop(**common)
    if recipe.optimizer == "adagrad":
        return kinds.Adagrad(**common)
    kind = kinds.Adam if recipe.optimizer == "adam" else kinds.AdamW
    return kind(beta_1=recipe.momentum, **common)
