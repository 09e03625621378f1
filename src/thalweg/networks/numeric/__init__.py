"""Embeddings of numeric features: a vector for each number before the first layer."""

from thalweg.core.registry import Registry
from thalweg.networks.numeric.base import AbstractEmbedding, Identity
from thalweg.networks.numeric.periodic import Periodic
from thalweg.networks.numeric.periodic_bias_linear import PeriodicBiasLinear
from thalweg.networks.numeric.piecewise_linear import PiecewiseLinear

EMBEDDINGS: Registry[type[AbstractEmbedding]] = Registry(
    "numeric embedding",
    {
        "identity": Identity,
        "ple": PiecewiseLinear,
        "periodic": Periodic,
        "pbld": PeriodicBiasLinear,
    },
)


def as_embedding(value: str | AbstractEmbedding | None) -> AbstractEmbedding:
    """The embedding of that name with its defaults, or the embedding itself."""
    value = "identity" if value is None else value
    return EMBEDDINGS[value]() if isinstance(value, str) else value


__all__ = [
    "EMBEDDINGS",
    "AbstractEmbedding",
    "Identity",
    "Periodic",
    "PeriodicBiasLinear",
    "PiecewiseLinear",
    "as_embedding",
]
