"""A vocabulary of architecture spaces: choices, in the places of what is chosen."""

from thalweg.architectures.vocabulary.cell import Cell
from thalweg.architectures.vocabulary.choices import (
    AbstractChoice,
    InputChoice,
    LayerChoice,
    Repeat,
    label,
)
from thalweg.architectures.vocabulary.decided import (
    Mix,
    Repeated,
    Switch,
    assign,
    choices_in,
)
from thalweg.architectures.vocabulary.lowering import (
    fixed,
    mixed,
    parameters_of,
    space_of,
    switched,
)

__all__ = [
    "AbstractChoice",
    "Cell",
    "InputChoice",
    "LayerChoice",
    "Mix",
    "Repeat",
    "Repeated",
    "Switch",
    "assign",
    "choices_in",
    "fixed",
    "label",
    "mixed",
    "parameters_of",
    "space_of",
    "switched",
]
