"""The automatic front end: estimators for tables and images, ensembles, baselines.

Loaded when first used: the estimators need scikit-learn.
"""

import importlib
from typing import Any

_HOMES = {
    "ImageClassifier": "images",
    "ImageRegressor": "images",
    "Model": "model",
    "TabularClassifier": "tabular",
    "TabularRegressor": "tabular",
    "load": "model",
}

__all__ = [
    "ImageClassifier",
    "ImageRegressor",
    "Model",
    "TabularClassifier",
    "TabularRegressor",
    "load",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'thalweg.automl' has no attribute {name!r}")
    return getattr(importlib.import_module(f"thalweg.automl.{_HOMES[name]}"), name)
