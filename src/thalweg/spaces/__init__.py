"""Search spaces: hyper-parameters, also conditional ones, as points of a unit cube."""

from thalweg.spaces.integer import Int
from thalweg.spaces.listed import Choice, Constant, Ordinal
from thalweg.spaces.normal_form import AbstractNormalForm
from thalweg.spaces.parameter import AbstractDiscrete, AbstractParameter, Condition
from thalweg.spaces.real import Float
from thalweg.spaces.rows import first_unseen, row_keys
from thalweg.spaces.space import PARAMETERS, Space

__all__ = [
    "PARAMETERS",
    "AbstractDiscrete",
    "AbstractNormalForm",
    "AbstractParameter",
    "Choice",
    "Condition",
    "Constant",
    "Float",
    "Int",
    "Ordinal",
    "Space",
    "first_unseen",
    "row_keys",
]
