"""Thalweg trains the recipes as one population; compile time is inside the clock."""

from __future__ import annotations

import os
import tempfile

import numpy as np

# compiled anew in every run: the cache of an earlier one would be no fair start
os.environ["THALWEG_CACHE"] = tempfile.mkdtemp(prefix="thalweg-benchmark-")

import thalweg as tw
from throughput_tools.recipes import (
    ACTIVATIONS,
    BATCH,
    EPOCHS,
    HIDDEN,
    OPTIMIZERS,
    Recipe,
    Run,
    digits,
)


def run(recipes: list[Recipe], *, lanes: int) -> Run:
    """A search that is told exactly which trials to train."""
    X, y, X_valid, y_valid = digits()
    space = tw.Space(
        {
            "optimizer": tw.Choice(OPTIMIZERS),
            "activation": tw.Choice(ACTIVATIONS),
            "learning_rate": tw.Float(1e-4, 1e-1, log=True),
            "momentum": tw.Float(0.5, 0.99),
            "b1": tw.Float(0.5, 0.99),
            "weight_decay": tw.Float(1e-6, 1e-2, log=True),
            "width": tw.Ordinal([HIDDEN[0], 2 * HIDDEN[0]]),
        }
    )
    result = tw.search(
        tw.Problem.of(X, y, validation=(X_valid, y_valid), metric="accuracy"),
        space,
        start=[_config(recipe) for recipe in recipes],
        proposer="random",
        trials=len(recipes),
        batch=len(recipes),
        epochs=EPOCHS,
        batch_size=BATCH,
        judge_every=EPOCHS * len(X) // BATCH,  # once, at the end, as the others
    )
    trials = result.search.trials.values()
    return Run([], [t.score.value if t.score else np.nan for t in trials])


def _config(recipe: Recipe) -> dict[str, object]:
    return {
        "optimizer": recipe.optimizer,
        "activation": recipe.activation,
        "learning_rate": recipe.learning_rate,
        "momentum": recipe.momentum,
        "b1": recipe.momentum,
        "weight_decay": recipe.weight_decay,
        "width": HIDDEN[0],
    }
