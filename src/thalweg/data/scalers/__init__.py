"""How numeric columns are brought to a scale that networks learn well on."""

from thalweg.core.registry import Registry
from thalweg.data.scalers.abstract import AbstractScaler
from thalweg.data.scalers.quantile import QuantileNormal
from thalweg.data.scalers.robust import RobustSmooth
from thalweg.data.scalers.standard import Standard

SCALERS: Registry[type[AbstractScaler]] = Registry(
    "scaler",
    {"robust": RobustSmooth, "quantile": QuantileNormal, "standard": Standard},
)

__all__ = ["SCALERS", "AbstractScaler", "QuantileNormal", "RobustSmooth", "Standard"]
