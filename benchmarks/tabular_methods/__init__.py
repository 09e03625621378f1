"""The methods of the tabular benchmark: one file per family, one line per method.

A method is `fit(problem, *, seconds, seed) -> predict`, where `predict(X)` returns
class probabilities `[n, classes]` or values `[n]`. Its file imports what it measures
at its head, so that imports lie outside the measured fit (for every method alike).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Method:
    """Where a method lives, and what kind it is.

    `clocked` methods are given the limit and must keep it; the others run their
    defaults to the end, whatever it takes.
    """

    title: str
    module: str
    function: str
    package: str
    clocked: bool
    neural: bool


METHODS: dict[str, Method] = {
    "ours": Method("Thalweg", "ours", "fit", "thalweg", True, True),
    "optuna_torch": Method(
        "Optuna + PyTorch MLP", "optuna_torch", "fit", "optuna", True, True
    ),
    "sklearn_mlp": Method(
        "scikit-learn MLP, random search",
        "sklearn_mlp",
        "fit",
        "scikit-learn",
        True,
        True,
    ),
    "realmlp": Method(
        "RealMLP-TD", "pytabkit_networks", "fit_realmlp", "pytabkit", False, True
    ),
    "tabm": Method("TabM-D", "pytabkit_networks", "fit_tabm", "pytabkit", False, True),
    "histgb": Method(
        "HistGradientBoosting", "histgb", "fit", "scikit-learn", False, False
    ),
    "lightgbm": Method(
        "LightGBM defaults", "lightgbm_defaults", "fit", "lightgbm", False, False
    ),
    "catboost": Method(
        "CatBoost defaults", "catboost_defaults", "fit", "catboost", False, False
    ),
    "autogluon": Method(
        "AutoGluon (default preset)",
        "autogluon_tabular",
        "fit_default",
        "autogluon.tabular",
        True,
        False,
    ),
    "autogluon_best": Method(
        "AutoGluon (best_quality)",
        "autogluon_tabular",
        "fit_best",
        "autogluon.tabular",
        True,
        False,
    ),
}
