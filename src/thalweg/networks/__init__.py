"""What a configuration builds: networks, from descriptions of leaves.

`MLP(hidden=(64, 64), dropout=0.1).build(inputs, outputs, key=key)` is a network.
"""

from thalweg.core.registry import Registry
from thalweg.core.trainable import Fixed, partition, trainable
from thalweg.networks import layers
from thalweg.networks.base import (
    AbstractDescription,
    AbstractNetwork,
    Batch,
    Images,
    Inputs,
)
from thalweg.networks.categorical import Categorical
from thalweg.networks.convnet import ConvNet
from thalweg.networks.dropout import Dropout
from thalweg.networks.initializers import INITIALIZERS, VarianceScaling
from thalweg.networks.linear import Linear, Scaling
from thalweg.networks.mlp import MLP
from thalweg.networks.normalization import NORMALIZATIONS, choose_normalization
from thalweg.networks.numeric import (
    EMBEDDINGS,
    AbstractEmbedding,
    Identity,
    Periodic,
    PeriodicBiasLinear,
    PiecewiseLinear,
)
from thalweg.networks.resmlp import ResidualMLP
from thalweg.networks.stack import Stack
from thalweg.networks.tabm import TabM

NETWORKS: Registry[type[AbstractDescription]] = Registry(
    "network", {"mlp": MLP, "resmlp": ResidualMLP, "tabm": TabM}
)

__all__ = [
    "EMBEDDINGS",
    "INITIALIZERS",
    "MLP",
    "NETWORKS",
    "NORMALIZATIONS",
    "AbstractDescription",
    "AbstractEmbedding",
    "AbstractNetwork",
    "Batch",
    "Categorical",
    "ConvNet",
    "Dropout",
    "Fixed",
    "Identity",
    "Images",
    "Inputs",
    "Linear",
    "Periodic",
    "PeriodicBiasLinear",
    "PiecewiseLinear",
    "ResidualMLP",
    "Scaling",
    "Stack",
    "TabM",
    "VarianceScaling",
    "choose_normalization",
    "layers",
    "partition",
    "trainable",
]
