"""Schedules: a hyper-parameter's value at each step. One table, made alike.

Every entry can be made as `SCHEDULES[name](peak, steps=horizon)`, so that the kind of a
schedule may itself be searched.
"""

from thalweg.core.registry import Registry
from thalweg.schedules.base import AbstractSchedule, is_schedule, resolve
from thalweg.schedules.constant import Constant, Product, as_schedule
from thalweg.schedules.cosine import Cosine, FlatCosine, WarmupCosine
from thalweg.schedules.coslog4 import CosLog4
from thalweg.schedules.cyclic import Cyclic
from thalweg.schedules.decay import Exponential, InverseTime, Linear, Polynomial
from thalweg.schedules.joined import Joined
from thalweg.schedules.one_cycle import OneCycle
from thalweg.schedules.one_of import OneOf
from thalweg.schedules.piecewise import Piecewise
from thalweg.schedules.restarts import Restarts
from thalweg.schedules.rex import REX
from thalweg.schedules.staircase import MultiStep, Step
from thalweg.schedules.warmup import HalfLifeWarmup, Warmup
from thalweg.schedules.warmup_stable_decay import WarmupStableDecay

SCHEDULES: Registry[type[AbstractSchedule]] = Registry(
    "schedule",
    {
        "constant": Constant,
        "exponential": Exponential,
        "step": Step,
        "multistep": MultiStep,
        "inverse_time": InverseTime,
        "polynomial": Polynomial,
        "linear": Linear,
        "cosine": Cosine,
        "warmup_cosine": WarmupCosine,
        "flat_cosine": FlatCosine,
        "one_cycle": OneCycle,
        "coslog4": CosLog4,
        "rex": REX,
        "warmup": Warmup,
        "warmup_stable_decay": WarmupStableDecay,
        "restarts": Restarts,
        "cyclic": Cyclic,
    },
)

__all__ = [
    "REX",
    "SCHEDULES",
    "AbstractSchedule",
    "Constant",
    "CosLog4",
    "Cosine",
    "Cyclic",
    "Exponential",
    "FlatCosine",
    "HalfLifeWarmup",
    "InverseTime",
    "Joined",
    "Linear",
    "MultiStep",
    "OneCycle",
    "OneOf",
    "Piecewise",
    "Polynomial",
    "Product",
    "Restarts",
    "Step",
    "Warmup",
    "WarmupCosine",
    "WarmupStableDecay",
    "as_schedule",
    "is_schedule",
    "resolve",
]
