"""Architecture spaces, ready to search: trees of layers with choices in them."""

from thalweg.architectures.spaces.darts import darts
from thalweg.architectures.spaces.nasbench101 import nasbench101
from thalweg.architectures.spaces.nasbench201 import nasbench201

__all__ = [
    "darts",
    "nasbench101",
    "nasbench201",
]
