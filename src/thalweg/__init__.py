"""Thalweg finds the best neural network for your data in the time you give it.

The names below are loaded when they are first used, so that `import thalweg` costs
nothing.
"""

import importlib
from typing import Any

__version__ = "0.1.0"

_ROOMS = (
    "activations",
    "architectures",
    "augmentation",
    "automl",
    "benchmarks",
    "cells",
    "core",
    "data",
    "diagnosis",
    "evaluation",
    "losses",
    "networks",
    "optimizers",
    "penalties",
    "proposers",
    "report",
    "schedules",
    "spaces",
    "store",
    "strategies",
    "study",
    "surrogates",
    "testing",
    "training",
)
_DOORS = {
    "Choice": "spaces",
    "Constant": "spaces",
    "Float": "spaces",
    "ImageClassifier": "automl",
    "ImageRegressor": "automl",
    "Int": "spaces",
    "Ordinal": "spaces",
    "Problem": "problem",
    "Space": "spaces",
    "Study": "study",
    "TabularClassifier": "automl",
    "TabularRegressor": "automl",
    "ThalwegError": "core.errors",
    "diagnose": "diagnosis",
    "load": "automl",
    "range_test": "training",
    "search": "study",
    "train": "training",
}

__all__ = sorted([*_ROOMS, *_DOORS, "__version__"])


def __getattr__(name: str) -> Any:
    # "train" is both a function and (as "training") a room, hence doors first
    if name in _DOORS:
        module = importlib.import_module(f"thalweg.{_DOORS[name]}")
        value = getattr(module, name)
    elif name in _ROOMS:
        value = importlib.import_module(f"thalweg.{name}")
    else:
        raise AttributeError(f"module 'thalweg' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
