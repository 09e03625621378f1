"""The methods of weight sharing, by name."""

from thalweg.architectures.gradient.darts import DARTS, SecondOrderDARTS
from thalweg.architectures.gradient.gdas import GDAS
from thalweg.architectures.gradient.method import AbstractMethod
from thalweg.architectures.gradient.pc_darts import PCDARTS
from thalweg.architectures.gradient.single_path import EvolvedSinglePath, SinglePath
from thalweg.core.registry import Registry

METHODS: Registry[type[AbstractMethod]] = Registry(
    "method of weight sharing",
    {
        "darts": DARTS,
        "darts2": SecondOrderDARTS,
        "gdas": GDAS,
        "pc_darts": PCDARTS,
        "rsps": SinglePath,
        "single_path": EvolvedSinglePath,
    },
)
