"""Ready-made spaces: architecture and training recipe searched together."""

from thalweg.spaces.presets.images import image_portfolio, images
from thalweg.spaces.presets.tabular import portfolio, tabular

__all__ = ["image_portfolio", "images", "portfolio", "tabular"]
