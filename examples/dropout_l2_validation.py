"""Over-fitting, seen on a validation part, and three remedies against it.

One label in eight is wrong, as in tables that were filled by hand. A wide network
learns all of them by heart: its training loss goes to zero while its validation loss
turns around and rises. Dropout and an L2 penalty hold it back; keeping the weights of
the best judgement (`keep_best`, the default) and stopping when there is no improvement
(`patience`) make the best of either.
"""

import os

import numpy as np
from sklearn.datasets import load_digits

import thalweg as tw

QUICK = bool(os.environ.get("THALWEG_QUICK"))  # tiny sizes, for tests
EPOCHS = 4 if QUICK else 100
ALWAYS = float("inf")
REMEDIES = {  # dropout, L2, patience
    "none": (None, 0.0, ALWAYS),
    "dropout": (0.5, 0.0, ALWAYS),
    "L2": (None, 1e-2, ALWAYS),
    "dropout, L2, patience": (0.5, 1e-2, 20),
}


def main() -> None:
    rng = np.random.default_rng(0)
    X, y = load_digits(return_X_y=True)
    order = rng.permutation(len(X))
    X, y = X[order] / 16, y[order]
    given = np.where(rng.random(len(y)) < 0.14, rng.integers(10, size=len(y)), y)
    train, held_out, new = slice(0, 600), slice(600, 1200), slice(1200, None)

    print("                       loss at the end          validation loss   accuracy")
    print(
        "remedy                 training   validation    at its best       on new rows"
    )
    for name, (dropout, l2, patience) in REMEDIES.items():
        model, history = tw.train(
            tw.networks.MLP(hidden=[256, 256], dropout=dropout),
            (X[train], given[train]),
            loss="cross_entropy",
            optimizer=tw.optimizers.Adam(1e-3),
            epochs=EPOCHS,
            batch_size=32,
            validation=(X[held_out], given[held_out]),  # or a fraction
            metrics=["accuracy"],
            l2=l2,  # on kernels, not on biases
            patience=patience,
            seed=0,
        )
        best = int(np.argmin(history["loss"]))
        accuracy = model.evaluate(X[new], y[new])[
            "accuracy"
        ]  # of labels that are right
        print(
            f"{name:22} {history['train_loss'][-1]:8.3f} {history['loss'][-1]:12.3f}"
            f" {history['loss'][best]:10.3f} (epoch {history['epoch'][best]:2.0f})"
            f" {accuracy:9.3f}"
        )


if __name__ == "__main__":
    main()
