"""Architecture spaces, ready to search: trees of layers with choices in them."""

from thalweg.architectures.spaces.darts import darts
from thalweg.architectures.spaces.fully_connected import fully_connected
from thalweg.architectures.spaces.mobile import mobile
from thalweg.architectures.spaces.nasbench101 import nasbench101
from thalweg.architectures.spaces.nasbench201 import nasbench201
from thalweg.architectures.spaces.plain import plain
from thalweg.architectures.spaces.recurrent import recurrent, recurrent_cell
from thalweg.architectures.spaces.residual import residual
from thalweg.architectures.spaces.vit import vit

__all__ = [
    "darts",
    "fully_connected",
    "mobile",
    "nasbench101",
    "nasbench201",
    "plain",
    "recurrent",
    "recurrent_cell",
    "residual",
    "vit",
]
