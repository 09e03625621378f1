"""Optimizers: gradients to updates. One table; wrappers compose with any entry."""

from typing import Any

from thalweg.core.registry import Registry
from thalweg.optimizers.adagrad import AdaGrad
from thalweg.optimizers.adam import Adam
from thalweg.optimizers.adamax import Adamax
from thalweg.optimizers.adamw import AdamW
from thalweg.optimizers.amsgrad import AMSGrad
from thalweg.optimizers.base import AbstractOptimizer, hyper_parameters, scaled
from thalweg.optimizers.chain import Chain, chain
from thalweg.optimizers.clipping import (
    AbstractTransform,
    ClipByGlobalNorm,
    ClipByNorm,
    ClipByValue,
    global_norm,
)
from thalweg.optimizers.groups import Groups, decay_only
from thalweg.optimizers.momentum import Momentum
from thalweg.optimizers.nadamw import NAdamW
from thalweg.optimizers.nesterov import Nesterov
from thalweg.optimizers.one_of import OneOf
from thalweg.optimizers.plateau import ReduceOnPlateau
from thalweg.optimizers.rmsprop import RMSprop
from thalweg.optimizers.sgd import SGD
from thalweg.optimizers.skip_nonfinite import SkipNonFinite
from thalweg.optimizers.vectors import on_vectors

OPTIMIZERS: Registry[type[AbstractOptimizer[Any]]] = Registry(
    "optimizer",
    {
        "sgd": SGD,
        "momentum": Momentum,
        "nesterov": Nesterov,
        "adagrad": AdaGrad,
        "rmsprop": RMSprop,
        "adam": Adam,
        "adamax": Adamax,
        "amsgrad": AMSGrad,
        "adamw": AdamW,
        "nadamw": NAdamW,
    },
)

__all__ = [
    "OPTIMIZERS",
    "SGD",
    "AMSGrad",
    "AbstractOptimizer",
    "AbstractTransform",
    "AdaGrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Chain",
    "ClipByGlobalNorm",
    "ClipByNorm",
    "ClipByValue",
    "Groups",
    "Momentum",
    "NAdamW",
    "Nesterov",
    "OneOf",
    "RMSprop",
    "ReduceOnPlateau",
    "SkipNonFinite",
    "chain",
    "decay_only",
    "global_norm",
    "hyper_parameters",
    "on_vectors",
    "scaled",
]
