"""Search by weight sharing: DARTS, GDAS, PC-DARTS, single paths, and their remedies."""

from thalweg.architectures.gradient.collapse import Collapse, CollapseWarning
from thalweg.architectures.gradient.darts import DARTS, SecondOrderDARTS
from thalweg.architectures.gradient.gdas import GDAS
from thalweg.architectures.gradient.method import AbstractMethod
from thalweg.architectures.gradient.methods import METHODS
from thalweg.architectures.gradient.pc_darts import PCDARTS
from thalweg.architectures.gradient.remedies import Remedies
from thalweg.architectures.gradient.search import SupernetSearch, search_by_gradient
from thalweg.architectures.gradient.single_path import EvolvedSinglePath, SinglePath

__all__ = [
    "DARTS",
    "GDAS",
    "METHODS",
    "PCDARTS",
    "AbstractMethod",
    "Collapse",
    "CollapseWarning",
    "EvolvedSinglePath",
    "Remedies",
    "SecondOrderDARTS",
    "SinglePath",
    "SupernetSearch",
    "search_by_gradient",
]
