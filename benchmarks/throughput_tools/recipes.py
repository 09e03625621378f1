"""The work: the same recipes of the same network on the same rows, for every tool."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

HIDDEN = (64, 64)
EPOCHS = 20
BATCH = 32
TRAIN_ROWS = 1344  # 42 whole batches of scikit-learn's 1,797 digits; 453 to validate

OPTIMIZERS = ("momentum", "rmsprop", "adagrad", "adam", "adamw")
ACTIVATIONS = ("relu", "tanh", "gelu", "silu", "elu")


@dataclass(frozen=True)
class Recipe:
    """One trial. `momentum` is SGD's momentum and Adam's and AdamW's beta1."""

    optimizer: str
    activation: str
    learning_rate: float
    momentum: float
    weight_decay: float  # decoupled for AdamW, an L2 gradient for the others
    seed: int

    def settings(self) -> dict[str, Any]:
        return asdict(self)


def recipes(count: int, *, seed: int) -> list[Recipe]:
    """`count` random recipes; the first n of a longer list are the shorter list."""
    return [_recipe(np.random.default_rng((seed, number))) for number in range(count)]


def _recipe(random: np.random.Generator) -> Recipe:
    return Recipe(
        optimizer=str(random.choice(OPTIMIZERS)),
        activation=str(random.choice(ACTIVATIONS)),
        learning_rate=float(10 ** random.uniform(-4, -1)),
        momentum=float(random.uniform(0.5, 0.99)),
        weight_decay=float(10 ** random.uniform(-6, -2)),
        seed=int(random.integers(2**31)),
    )


def digits() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """`X, y, X_valid, y_valid`: pixels in [0, 1] (float32) and labels (int64)."""
    X, y = load_digits(return_X_y=True)
    X, X_valid, y, y_valid = train_test_split(
        (X / 16).astype(np.float32),
        y.astype(np.int64),
        train_size=TRAIN_ROWS,
        random_state=0,
        stratify=y,
    )
    return X, y, X_valid, y_valid


@dataclass(frozen=True)
class Run:
    """`ended`: wall clock (`time.time()`) at each trial's end, where the tool says so;
    `accuracy`: each trial's validation accuracy, in no particular order."""

    ended: list[float]
    accuracy: list[float]
