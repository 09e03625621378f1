"""Over-fitting, seen on a validation part, and three remedies against it.

A wide network learns 300 images by heart: its training loss goes to zero while its
validation loss turns around and rises. Dropout and an L2 penalty hold it back; keeping
the weights of the best judgement (`keep_best`, the default) and stopping when there is
no improvement (`patience`) make the best of either.
"""

import os

from sklearn.datasets import load_digits

import thalweg as tw

QUICK = bool(os.environ.get("THALWEG_QUICK"))  # tiny sizes, for tests
EPOCHS = 4 if QUICK else 120
REMEDIES = {
    "none": (None, 0.0, float("inf")),
    "dropout": (0.5, 0.0, float("inf")),
    "L2": (None, 5e-3, float("inf")),
    "dropout, L2, patience": (0.5, 5e-3, 20),
}


def main() -> None:
    X, y = load_digits(return_X_y=True)
    X = X / 16
    few, held_out, new = slice(0, 300), slice(300, 800), slice(800, None)
    print("                         ------ loss on ------   validation")
    print("remedy                   training   validation   at its best   after   new")
    for name, (dropout, l2, patience) in REMEDIES.items():
        model, history = tw.train(
            tw.networks.MLP(hidden=[256, 256], dropout=dropout),
            (X[few], y[few]),
            loss="cross_entropy",
            optimizer=tw.optimizers.Adam(2e-3),
            epochs=EPOCHS,
            batch_size=32,
            validation=(X[held_out], y[held_out]),  # data of its own, or a fraction
            metrics=["accuracy"],
            l2=l2,  # on kernels, not on biases
            patience=patience,
            seed=0,
        )
        new_loss = model.evaluate(X[new], y[new])["loss"]
        print(
            f"{name:22} {history['train_loss'][-1]:10.4f} {history['loss'][-1]:12.4f}"
            f" {history['loss'].min():13.4f} {history['epoch'][-1]:7.0f}"
            f" {new_loss:7.4f}"
        )


if __name__ == "__main__":
    main()
