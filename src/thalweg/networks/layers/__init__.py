"""Layers for images and other arrays: described, then built for a shape.

layers = [Conv(16, bias=False), BatchNorm(), Activate("relu"), MaxPool()]
module = Sequential(layers).build((28, 28, 1), seed=seed)
y = module(x, seed=None, inference=True)     # [b, 28, 28, 1] to [b, 14, 14, 16]
"""

from thalweg.networks.layers.activation import Activate
from thalweg.networks.layers.attention import (
    ClassToken,
    EncoderBlock,
    FirstToken,
    Patches,
    Positions,
    SelfAttention,
)
from thalweg.networks.layers.base import (
    AbstractLayer,
    AbstractModule,
    Shape,
    shape_after,
)
from thalweg.networks.layers.convolution import Conv, DepthwiseConv, convolve
from thalweg.networks.layers.dense import Dense
from thalweg.networks.layers.dropout import Dropout, DropPath
from thalweg.networks.layers.normalization import (
    BatchNorm,
    GroupNorm,
    LayerNorm,
    calibrate,
)
from thalweg.networks.layers.pooling import AvgPool, GlobalPool, MaxPool
from thalweg.networks.layers.recurrent import Embedding, LastStep, Recurrent, Rows
from thalweg.networks.layers.recurrent_cell import (
    Node,
    RecurrentCell,
    RecurrentGenotype,
)
from thalweg.networks.layers.residual import Residual, SqueezeExcitation
from thalweg.networks.layers.sequential import Sequential
from thalweg.networks.layers.shape import Flatten, Identity, Zero

__all__ = [
    "AbstractLayer",
    "AbstractModule",
    "Activate",
    "AvgPool",
    "BatchNorm",
    "ClassToken",
    "Conv",
    "Dense",
    "DepthwiseConv",
    "DropPath",
    "Dropout",
    "Embedding",
    "EncoderBlock",
    "FirstToken",
    "Flatten",
    "GlobalPool",
    "GroupNorm",
    "Identity",
    "LastStep",
    "LayerNorm",
    "MaxPool",
    "Node",
    "Patches",
    "Positions",
    "Recurrent",
    "RecurrentCell",
    "RecurrentGenotype",
    "Residual",
    "Rows",
    "SelfAttention",
    "Sequential",
    "Shape",
    "SqueezeExcitation",
    "Zero",
    "calibrate",
    "convolve",
    "shape_after",
]
