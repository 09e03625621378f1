"""Neural architecture search: what is searched, and how it becomes a network.

from thalweg.architectures import ModelSpec, nasbench101
study = tw.Study(nasbench101.space())
"""

from thalweg.architectures import morphisms, scores, spaces
from thalweg.architectures.cost import Cost, cost_of, latency
from thalweg.architectures.drawing import to_svg
from thalweg.architectures.evaluation import Evaluation, Fidelity, evaluate
from thalweg.architectures.gradient import CollapseWarning, search_by_gradient
from thalweg.architectures.hill_climbing import Climb, hill_climb
from thalweg.architectures.outline import outline
from thalweg.architectures.searchable import Searchable
from thalweg.architectures.vocabulary import (
    Cell,
    InputChoice,
    LayerChoice,
    Repeat,
    assign,
    choices_in,
    fixed,
    label,
    mixed,
    space_of,
    switched,
)
from thalweg.cells import (
    Cells,
    Genotype,
    ModelSpec,
    darts,
    encodings,
    nasbench101,
    nasbench101_network,
    nasbench201,
    nasbench201_network,
    weisfeiler_lehman,
)

__all__ = [
    "Cell",
    "Cells",
    "Climb",
    "CollapseWarning",
    "Cost",
    "Evaluation",
    "Fidelity",
    "Genotype",
    "InputChoice",
    "LayerChoice",
    "ModelSpec",
    "Repeat",
    "Searchable",
    "assign",
    "choices_in",
    "cost_of",
    "darts",
    "encodings",
    "evaluate",
    "fixed",
    "hill_climb",
    "label",
    "latency",
    "mixed",
    "morphisms",
    "nasbench101",
    "nasbench101_network",
    "nasbench201",
    "nasbench201_network",
    "outline",
    "scores",
    "search_by_gradient",
    "space_of",
    "spaces",
    "switched",
    "to_svg",
    "weisfeiler_lehman",
]
