"""Architecture spaces, ready to search: trees of layers with choices in them."""

from thalweg.architectures.spaces.nasbench201 import nasbench201

__all__ = ["nasbench201"]
