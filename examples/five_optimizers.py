"""Five optimizers from the same fresh start, on the same batches in the same order.

A network's first weights and the order of its rows follow from `seed` alone, so that
what differs below is the optimizer. Each gets three learning rates of its own, for a
rate that suits one does not suit another; the best by validation is shown.

One seed on one small data set ranks nothing: the last column says what the worst of
three seeds gives, and most of the differences drown in it.
"""

import os

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import thalweg as tw

QUICK = bool(os.environ.get("THALWEG_QUICK"))  # tiny sizes, for tests
EPOCHS = 1 if QUICK else 20
SEEDS = (0,) if QUICK else (0, 1, 2)
RATES = {
    "sgd": (0.1, 0.3, 1.0),
    "momentum": (0.03, 0.1, 0.3),
    "rmsprop": (1e-3, 3e-3, 1e-2),
    "adam": (1e-3, 3e-3, 1e-2),
    "adamw": (1e-3, 3e-3, 1e-2),
}


def main() -> None:
    X, y = load_digits(return_X_y=True)
    X, X_new, y, y_new = train_test_split(X / 16, y, random_state=0, stratify=y)

    def train(name: str, rate: float, seed: int):
        return tw.train(
            tw.networks.MLP(hidden=[64, 64]),
            (X, y),
            optimizer=tw.optimizers.OPTIMIZERS[name](rate),
            epochs=EPOCHS,
            batch_size=32,
            validation=0.2,
            metrics=["accuracy"],
            seed=seed,
        )

    print(
        "optimizer       rate   training   validation   accuracy   worst of the seeds"
    )
    for name, rates in RATES.items():
        tried = rates[1:2] if QUICK else rates
        runs = {rate: train(name, rate, SEEDS[0]) for rate in tried}
        rate = min(runs, key=lambda rate: runs[rate][1]["loss"].min())
        models = [runs[rate][0], *(train(name, rate, seed)[0] for seed in SEEDS[1:])]
        history = runs[rate][1]
        best = int(np.argmin(history["loss"]))
        accuracies = [model.evaluate(X_new, y_new)["accuracy"] for model in models]
        print(
            f"{name:12} {rate:7.4f} {history['train_loss'][best]:10.4f}"
            f" {history['loss'][best]:12.4f} {accuracies[0]:10.3f}"
            f" {min(accuracies):20.3f}"
        )


if __name__ == "__main__":
    main()
