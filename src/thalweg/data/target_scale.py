"""The scale on which a network learns a number: standardised, long tails as logs."""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from jaxtyping import Float

from thalweg.core.errors import InvalidInput

Curve: TypeAlias = Literal["identity", "log", "log1p"]

_SKEWED = 1.0  # of the raw values; an exponential distribution has 2
_STRAIGHTENED = 0.5  # times the raw skewness is the most that the logs may have left
_RATIO = 10.0  # between the 95th and the 5th percentile: more than one power of ten
_LOWEST = -20.0
_MARGIN = 0.1  # of the training range, by which a prediction may lie outside of it


@dataclass(frozen=True)
class TargetScale:
    """`encode` to what is learnt, `decode` back; fitted on the training part only.

    Numbers are kept in double precision here; networks get `encode(y)` as float32.
    """

    curve: Curve
    mean: float  # of the curve's values
    deviation: float
    low: float  # predictions are kept within [low, high], in the target's unit
    high: float

    @staticmethod
    def fit(
        y: Float[np.ndarray, "n"], *, curve: Curve | Literal["auto"] = "auto"
    ) -> "TargetScale":
        """The scale for training targets `y`; "auto" takes logs of log-like targets."""
        y = np.asarray(y, dtype=float)
        if len(y) == 0 or not np.isfinite(y).all():
            raise InvalidInput("`y` must be finite numbers, at least one of them.")
        if curve == "auto":
            curve = log_like(y)
        if curve not in ("identity", "log", "log1p"):
            raise InvalidInput(
                "`curve` must be 'auto', 'identity', 'log' or 'log1p', but got "
                f"{curve!r}."
            )
        floor = {"log": 0.0, "log1p": -1.0}.get(curve, -np.inf)
        if y.min() <= floor:
            raise InvalidInput(
                f"`curve={curve!r}` needs targets above {floor:g}, but the least is "
                f"{y.min():g}. Use 'identity'."
            )
        curved = _forward(curve, y)
        deviation = float(curved.std())
        varies = deviation > 1e-12 * max(abs(float(curved.mean())), 1e-300)
        margin = _MARGIN * (y.max() - y.min())
        low, high = float(y.min() - margin), float(y.max() + margin)
        if y.min() >= 0:
            low = max(low, 0.0)  # prices and counts don't turn negative
        return TargetScale(
            curve, float(curved.mean()), deviation if varies else 1.0, low, high
        )

    def encode(self, y: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
        """What the network learns, float32.

        A value that the logarithm lacks becomes the lowest there is: 20 deviations
        down.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            curved = _forward(self.curve, np.asarray(y, dtype=float))
        z = (curved - self.mean) / self.deviation
        return np.where(np.isfinite(z), z, _LOWEST).astype(np.float32)

    def decode(
        self, z: Float[np.ndarray, "*n"], *, clip: bool = True
    ) -> Float[np.ndarray, "*n"]:
        """Predictions in the target's unit, kept near the training targets' range."""
        curved = np.asarray(z, dtype=float) * self.deviation + self.mean
        if self.curve != "identity":
            curved = np.minimum(curved, 700.0)  # where the exponential still is finite
        y = _backward(self.curve, curved)
        return np.clip(y, self.low, self.high) if clip else y

    def to_json(self) -> dict[str, Any]:
        return dict(self.__dict__)

    @staticmethod
    def from_json(record: dict[str, Any]) -> "TargetScale":
        return TargetScale(**record)


def log_like(y: Float[np.ndarray, "n"]) -> Curve:
    """The curve for `y`: logs only for a long right tail that they straighten."""
    if len(y) < 20 or y.min() < 0:
        return "identity"
    curve: Curve = "log" if y.min() > 0 else "log1p"
    low, high = np.quantile(y, [0.05, 0.95])
    if high < _RATIO * max(low, 1.0 if curve == "log1p" else 0.0):
        return "identity"
    raw, logs = skewness(y), skewness(_forward(curve, y))
    straight = raw > _SKEWED and abs(logs) < _STRAIGHTENED * raw
    return curve if straight else "identity"


def skewness(y: Float[np.ndarray, "n"]) -> float:
    """The third standardised moment; 0 for a constant."""
    away = y - y.mean()
    deviation = away.std()
    return float((away**3).mean() / deviation**3) if deviation > 0 else 0.0


def _forward(curve: str, y: np.ndarray) -> np.ndarray:
    return {"identity": np.asarray, "log": np.log, "log1p": np.log1p}[curve](y)


def _backward(curve: str, x: np.ndarray) -> np.ndarray:
    return {"identity": np.asarray, "log": np.exp, "log1p": np.expm1}[curve](x)
