"""Neural architecture search: what is searched, and how it becomes a network.

from thalweg.architectures import ModelSpec, nasbench101
study = tw.Study(nasbench101.space())
"""

from thalweg.architectures.cost import Cost, cost_of, latency
from thalweg.cells import (
    Cells,
    ModelSpec,
    encodings,
    nasbench101,
    nasbench101_network,
    nasbench201,
    nasbench201_network,
    weisfeiler_lehman,
)

__all__ = [
    "Cells",
    "Cost",
    "ModelSpec",
    "cost_of",
    "encodings",
    "latency",
    "nasbench101",
    "nasbench101_network",
    "nasbench201",
    "nasbench201_network",
    "weisfeiler_lehman",
]
