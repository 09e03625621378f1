"""Cells as graphs: what is searched, and what models see of it; no network is built.

NAS-Bench-101 and NAS-Bench-201: spaces, strings, hashes, encodings, graph kernels.
`thalweg.architectures` shows these names beside the networks.
"""

from thalweg.cells import (
    darts,
    encodings,
    nasbench101,
    nasbench101_network,
    nasbench201,
    nasbench201_network,
    weisfeiler_lehman,
)
from thalweg.cells.cells import Cells
from thalweg.cells.darts import Genotype
from thalweg.cells.model_spec import ModelSpec

__all__ = [
    "Cells",
    "Genotype",
    "ModelSpec",
    "darts",
    "encodings",
    "nasbench101",
    "nasbench101_network",
    "nasbench201",
    "nasbench201_network",
    "weisfeiler_lehman",
]
