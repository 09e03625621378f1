"""Optimizers: gradients to updates. One table; wrappers compose with any entry."""

from typing import Any

from thalweg.core.registry import Registry
from thalweg.optimizers.accumulation import Accumulate
from thalweg.optimizers.adadelta import Adadelta
from thalweg.optimizers.adafactor import Adafactor
from thalweg.optimizers.adagrad import AdaGrad
from thalweg.optimizers.adam import Adam
from thalweg.optimizers.adamax import Adamax
from thalweg.optimizers.adamw import AdamW
from thalweg.optimizers.ademamix import AdEMAMix
from thalweg.optimizers.amsgrad import AMSGrad
from thalweg.optimizers.averaging import ExponentialAverage, UniformAverage
from thalweg.optimizers.base import (
    AbstractOptimizer,
    hyper_parameters,
    looks_further,
    scaled,
)
from thalweg.optimizers.cautious import Cautious
from thalweg.optimizers.centralisation import CentraliseGradients
from thalweg.optimizers.chain import Chain, chain
from thalweg.optimizers.clipping import (
    AbstractTransform,
    AdaptiveClip,
    ClipByGlobalNorm,
    ClipByNorm,
    ClipByValue,
    global_norm,
)
from thalweg.optimizers.decay import AddL2, Decay
from thalweg.optimizers.derivative_free import DerivativeFree
from thalweg.optimizers.groups import Groups, decay_only
from thalweg.optimizers.interop import as_keras, as_optax, from_optax
from thalweg.optimizers.kron import Kron
from thalweg.optimizers.lamb import LAMB
from thalweg.optimizers.lbfgs import LBFGS
from thalweg.optimizers.lion import Lion
from thalweg.optimizers.lookahead import Lookahead
from thalweg.optimizers.mars import MARS
from thalweg.optimizers.momentum import Momentum
from thalweg.optimizers.muon import Muon
from thalweg.optimizers.nadamw import NAdamW
from thalweg.optimizers.nesterov import Nesterov
from thalweg.optimizers.normuon import NorMuon
from thalweg.optimizers.objective import Objective
from thalweg.optimizers.one_of import OneOf
from thalweg.optimizers.partition import Partition, partition
from thalweg.optimizers.plateau import ReduceOnPlateau
from thalweg.optimizers.prodigy import Prodigy
from thalweg.optimizers.radam import RAdam
from thalweg.optimizers.rmsprop import RMSprop
from thalweg.optimizers.sam import SAM
from thalweg.optimizers.schedule_free_adamw import ScheduleFreeAdamW
from thalweg.optimizers.schedule_free_sgd import ScheduleFreeSGD
from thalweg.optimizers.sgd import SGD
from thalweg.optimizers.shampoo import Shampoo
from thalweg.optimizers.skip_nonfinite import SkipNonFinite
from thalweg.optimizers.soap import SOAP
from thalweg.optimizers.vectors import on_vectors
from thalweg.optimizers.wrapper import AbstractWrapper

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
        "adadelta": Adadelta,
        "radam": RAdam,
        "lion": Lion,
        "adafactor": Adafactor,
        "lamb": LAMB,
        "schedule_free_sgd": ScheduleFreeSGD,
        "schedule_free_adamw": ScheduleFreeAdamW,
        "muon": Muon,
        "normuon": NorMuon,
        "shampoo": Shampoo,
        "soap": SOAP,
        "ademamix": AdEMAMix,
        "mars": MARS,
        "prodigy": Prodigy,
        "kron": Kron,
        "lbfgs": LBFGS,
    },
)

# What composes with any of them: gradients before it, or a rule around it.
MODIFIERS: Registry[type[AbstractTransform] | type[AbstractWrapper[Any]]] = Registry(
    "modifier",
    {
        "clip_by_value": ClipByValue,
        "clip_by_norm": ClipByNorm,
        "clip_by_global_norm": ClipByGlobalNorm,
        "adaptive_clip": AdaptiveClip,
        "centralise_gradients": CentraliseGradients,
        "accumulate": Accumulate,
        "cautious": Cautious,
        "add_l2": AddL2,
        "decay": Decay,
        "exponential_average": ExponentialAverage,
        "uniform_average": UniformAverage,
        "lookahead": Lookahead,
        "sam": SAM,
        "reduce_on_plateau": ReduceOnPlateau,
        "skip_nonfinite": SkipNonFinite,
    },
)

__all__ = [
    "LAMB",
    "LBFGS",
    "MARS",
    "MODIFIERS",
    "OPTIMIZERS",
    "SAM",
    "SGD",
    "SOAP",
    "AMSGrad",
    "AbstractOptimizer",
    "AbstractTransform",
    "AbstractWrapper",
    "Accumulate",
    "AdEMAMix",
    "AdaGrad",
    "Adadelta",
    "Adafactor",
    "Adam",
    "AdamW",
    "Adamax",
    "AdaptiveClip",
    "AddL2",
    "Cautious",
    "CentraliseGradients",
    "Chain",
    "ClipByGlobalNorm",
    "ClipByNorm",
    "ClipByValue",
    "Decay",
    "DerivativeFree",
    "ExponentialAverage",
    "Groups",
    "Kron",
    "Lion",
    "Lookahead",
    "Momentum",
    "Muon",
    "NAdamW",
    "Nesterov",
    "NorMuon",
    "Objective",
    "OneOf",
    "Partition",
    "Prodigy",
    "RAdam",
    "RMSprop",
    "ReduceOnPlateau",
    "ScheduleFreeAdamW",
    "ScheduleFreeSGD",
    "Shampoo",
    "SkipNonFinite",
    "UniformAverage",
    "as_keras",
    "as_optax",
    "chain",
    "decay_only",
    "from_optax",
    "global_norm",
    "hyper_parameters",
    "looks_further",
    "on_vectors",
    "partition",
    "scaled",
]
