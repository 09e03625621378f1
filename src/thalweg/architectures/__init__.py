"""Spaces of network architectures: cells, their text forms, their graphs."""

from thalweg.architectures import nasbench201

__all__ = ["nasbench201"]
