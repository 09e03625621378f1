"""Regression with a 10-10-1 network and SGD, beside the lines it has to beat.

The data are Friedman's first problem: 10 inputs, 5 of them without effect, the others
in sines, products and squares that no linear model can follow. The noise has a standard
deviation of 1, so no model's error can be lower than that on new rows.
"""

import os

import numpy as np
from sklearn.datasets import make_friedman1
from sklearn.linear_model import LinearRegression

import thalweg as tw

QUICK = bool(os.environ.get("THALWEG_QUICK"))  # tiny sizes, for tests


def main() -> None:
    X, y = make_friedman1(n_samples=1200, noise=1.0, random_state=0)
    X, y, X_new, y_new = X[:900], y[:900], X[900:], y[900:]
    # a network starts with outputs near 0 and a spread near 1: give it such targets,
    # and such inputs
    mean, spread = y.mean(), y.std()
    centre, scale = X.mean(axis=0), X.std(axis=0)
    X, X_new = (X - centre) / scale, (X_new - centre) / scale

    epochs, batch_size = 3 if QUICK else 200, 16
    rows = 720  # that are trained on: the others are the validation part
    steps = epochs * rows // batch_size
    network = tw.networks.MLP(hidden=[10, 10], activation="relu")
    model, history = tw.train(
        network,
        (X, (y - mean) / spread),
        loss="mse",
        optimizer=tw.optimizers.SGD(tw.schedules.Cosine(0.1, steps)),
        epochs=epochs,
        batch_size=batch_size,
        validation=0.2,
        seed=0,
    )
    every = max(1, len(history["epoch"]) // 10)
    print(history.to_dataframe().iloc[::every].to_string(index=False))

    def error(prediction: np.ndarray) -> float:
        return float(np.sqrt(np.mean((prediction - y_new) ** 2)))

    line = LinearRegression().fit(X, y)
    print("\nroot mean squared error on new rows")
    print(f"mean of the target  {error(np.full(len(y_new), mean)):.2f}")
    print(f"linear model        {error(line.predict(X_new)):.2f}")
    print(f"10-10-1 network     {error(model.predict(X_new) * spread + mean):.2f}")
    print("noise of the data   1.00")


if __name__ == "__main__":
    main()
