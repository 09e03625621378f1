"""Neural architecture search: the cells that are searched, and what models see of them.

from thalweg.architectures import ModelSpec, nasbench101
study = tw.Study(nasbench101.space())
"""

from thalweg.architectures import (
    encodings,
    nasbench101,
    nasbench101_network,
    nasbench201,
    nasbench201_network,
    weisfeiler_lehman,
)
from thalweg.architectures.cells import Cells
from thalweg.architectures.model_spec import ModelSpec

__all__ = [
    "Cells",
    "ModelSpec",
    "encodings",
    "nasbench101",
    "nasbench101_network",
    "nasbench201",
    "nasbench201_network",
    "weisfeiler_lehman",
]
