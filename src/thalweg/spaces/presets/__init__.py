"""Ready-made spaces: architecture and training recipe searched together."""

from thalweg.spaces.presets.tabular import portfolio, tabular

__all__ = ["portfolio", "tabular"]
