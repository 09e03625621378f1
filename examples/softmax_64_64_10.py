"""Classification with a 64-64-10 network, softmax and Adam: handwritten digits.

Define, train, evaluate, predict. A network's outputs are logits; the cross-entropy is
computed from them, and `predict_proba` applies the softmax.
"""

import os

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import thalweg as tw

QUICK = bool(os.environ.get("THALWEG_QUICK"))  # tiny sizes, for tests


def main() -> None:
    X, y = load_digits(return_X_y=True)  # 1,797 images of 8x8 pixels, 0 to 16
    X, X_new, y, y_new = train_test_split(X / 16, y, random_state=0, stratify=y)

    model, history = tw.train(
        tw.networks.MLP(hidden=[64, 64], activation="relu"),
        (X, y),
        loss="cross_entropy",
        optimizer=tw.optimizers.Adam(1e-3),
        epochs=2 if QUICK else 30,
        batch_size=32,
        validation=0.2,
        metrics=["accuracy"],
        seed=0,
    )
    every = max(1, len(history["epoch"]) // 6)
    print(history.to_dataframe().iloc[::every].to_string(index=False))

    found = model.evaluate(X_new, y_new)
    print(f"\nnew images: loss {found['loss']:.3f}, accuracy {found['accuracy']:.3f}")
    p = model.predict_proba(X_new[:1])[0]
    print(f"the first one is a {np.argmax(p)} with probability {p.max():.3f}", end="")
    print(f" (in truth a {y_new[0]})")


if __name__ == "__main__":
    main()
