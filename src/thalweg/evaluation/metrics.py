"""Metrics: one number for true targets against predictions, on NumPy arrays.

    METRICS["log_loss"](y_true, probabilities)
    loss_of(METRICS["accuracy"], 0.9)      # 0.1: whatever the metric, lower is better

Classification: `y_true` are codes 0..c-1 and the prediction probabilities `[n, c]`
(`[n]` or `[n, 1]`: of class 1 of two). Regression: values `[n]`, or `[n, c]` whose
columns count alike. They agree with scikit-learn's functions of these names.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Int, Num

from thalweg.core.errors import InvalidInput
from thalweg.core.registry import Registry

Codes = Int[np.ndarray, " n"]
Values = Float[np.ndarray, "n c"]
Weights = Float[np.ndarray, " n"]
Function = Callable[[np.ndarray, Values, Weights], float]
RowLosses = Callable[[np.ndarray, Values], Float[np.ndarray, " n"]]


@dataclass(frozen=True)
class Metric:
    """A metric: its function, and what a search has to know about it."""

    name: str
    function: Function  # of targets, predictions `[n, c]` and weights that sum to 1
    needs: Literal["probability", "label", "value"]  # what it reads in a prediction
    greater_is_better: bool = False
    optimum: float = 0.0  # the value of a perfect prediction
    row_losses: RowLosses | None = None  # whose mean orders models as the metric does

    @property
    def tasks(self) -> tuple[str, ...]:
        """The kinds of task that it can score."""
        return ("regression",) if self.needs == "value" else ("classification",)

    def __call__(
        self,
        y_true: Num[np.ndarray, "n *c"],
        prediction: Num[np.ndarray, "n *c"],
        weight: Num[np.ndarray, " n"] | None = None,
    ) -> float:
        """The metric's value; NaN for a prediction that is not finite throughout.

        NaN also where the metric is undefined, as ROC-AUC of a single class is.
        `weight` says how much a row counts. Raises InvalidInput if shapes don't match.
        """
        y_true, prediction = self._checked(y_true, prediction)
        if not len(y_true) or not np.isfinite(prediction).all():
            return float("nan")
        share = np.ones(len(y_true)) if weight is None else np.asarray(weight, float)
        with np.errstate(all="ignore"):  # undefined is NaN, for the caller to see
            return float(self.function(y_true, prediction, share / share.sum()))

    def losses_by_row(self, y_true: Any, prediction: Any) -> np.ndarray | None:
        """A loss per row whose mean orders models as the metric does, if there is one.

        It is what error bars over rows are made of: squared errors for RMSE and R2,
        zero or one for accuracy.
        """
        if self.row_losses is None:
            return None
        return self.row_losses(*self._checked(y_true, prediction))

    def _checked(self, y_true: Any, prediction: Any) -> tuple[np.ndarray, Values]:
        y_true, prediction = np.asarray(y_true), np.asarray(prediction)
        y = y_true.reshape(len(y_true), -1) if y_true.size else y_true.reshape(0, 1)
        p = prediction.reshape(len(prediction), -1) if prediction.size else y
        columns = 1 if self.tasks == ("classification",) else p.shape[1]
        if y.shape != (len(p), columns):
            raise InvalidInput(
                f"The metric {self.name!r} needs a prediction for each target, but got "
                f"targets {y_true.shape} and predictions {prediction.shape}."
            )
        if self.needs == "value":
            return y.astype(float), p
        p = np.concatenate([1 - p, p], axis=1) if p.shape[1] == 1 else p
        codes = y[:, 0].astype(int)
        if len(codes) and not 0 <= codes.min() <= codes.max() < p.shape[1]:
            raise InvalidInput(
                f"The metric {self.name!r} needs class codes below the number of "
                f"columns of the prediction, {p.shape[1]}, but got codes from "
                f"{codes.min()} to {codes.max()}."
            )
        return codes, p


def loss_of(metric: Metric, value: float) -> float:
    """The distance to the metric's optimum: 0 is perfect and lower is better."""
    return metric.optimum - value if metric.greater_is_better else value


def value_of(metric: Metric, loss: float) -> float:
    """The metric's value that has this loss: the inverse of `loss_of`."""
    return metric.optimum - loss if metric.greater_is_better else loss


# Rows: a loss for each


def _log_loss_rows(y: Codes, p: Values) -> Float[np.ndarray, " n"]:
    smallest = np.finfo(p.dtype if p.dtype.kind == "f" else float).eps
    chosen = p[np.arange(len(y)), y].astype(float) / p.sum(axis=1, dtype=float)
    return -np.log(np.clip(chosen, smallest, 1 - smallest))


def _error_rows(y: Codes, p: Values) -> Float[np.ndarray, " n"]:
    return (p.argmax(axis=1) != y).astype(float)


def _squared_rows(y: Values, p: Values) -> Float[np.ndarray, " n"]:
    return np.square(y - p).mean(axis=1)


def _absolute_rows(y: Values, p: Values) -> Float[np.ndarray, " n"]:
    return np.abs(y - p).mean(axis=1)


# Classification


def _log_loss(y: Codes, p: Values, share: Weights) -> float:
    return float(share @ _log_loss_rows(y, p))


def _accuracy(y: Codes, p: Values, share: Weights) -> float:
    return 1 - float(share @ _error_rows(y, p))


def _confusion(y: Codes, p: Values, share: Weights) -> tuple[np.ndarray, ...]:
    """Of each class the share of its hits, of its rows and of its predictions."""
    label, size = p.argmax(axis=1), p.shape[1]
    hits = np.bincount(y, share * (y == label), minlength=size)
    return (
        hits,
        np.bincount(y, share, minlength=size),
        np.bincount(label, share, minlength=size),
    )


def _balanced_accuracy(y: Codes, p: Values, share: Weights) -> float:
    hits, true, _ = _confusion(y, p, share)
    present = true > 0
    return (hits[present] / true[present]).mean()


def _f1_by_class(y: Codes, p: Values, share: Weights) -> Float[np.ndarray, " c"]:
    """F1 of each class; NaN of a class that is neither true nor predicted."""
    hits, true, predicted = _confusion(y, p, share)
    return 2 * hits / (true + predicted)


def _f1(y: Codes, p: Values, share: Weights) -> float:
    by_class = _f1_by_class(y, p, share)
    if len(by_class) == 2:
        return float(np.nan_to_num(by_class[1]))
    return float(np.nanmean(by_class))


def _f1_macro(y: Codes, p: Values, share: Weights) -> float:
    return float(np.nanmean(_f1_by_class(y, p, share)))


def _roc_auc(y: Codes, p: Values, share: Weights) -> float:
    """Of class 1 of two; else of each class against the rest, over classes present."""
    columns = [1] if p.shape[1] == 2 else range(p.shape[1])
    areas = np.array([_area(y == k, p[:, k], share) for k in columns])
    defined = areas[~np.isnan(areas)]
    return defined.mean() if len(defined) else np.nan


def _area(positive: np.ndarray, score: np.ndarray, share: Weights) -> float:
    """How often a positive row scores above a negative one; ties count half."""
    _, level = np.unique(score, return_inverse=True)
    hits = np.bincount(level, share * positive)
    misses = np.bincount(level, share * ~positive)
    below = np.cumsum(misses) - misses / 2
    return (hits @ below) / (hits.sum() * misses.sum())


# Regression


def _rmse(y: Values, p: Values, share: Weights) -> float:
    return np.sqrt(share @ np.square(y - p)).mean()


def _mae(y: Values, p: Values, share: Weights) -> float:
    return (share @ np.abs(y - p)).mean()


def _r2(y: Values, p: Values, share: Weights) -> float:
    """1 for a perfect prediction of a constant target, 0 for any other of it."""
    if len(y) < 2:
        return np.nan
    error = share @ np.square(y - p)
    spread = share @ np.square(y - share @ y)
    constant = np.where(error == 0, 1.0, 0.0)
    return np.where(spread == 0, constant, 1 - error / spread).mean()


METRICS: Registry[Metric] = Registry(
    "metric",
    {
        metric.name: metric
        for metric in (
            Metric("log_loss", _log_loss, "probability", row_losses=_log_loss_rows),
            Metric("accuracy", _accuracy, "label", True, 1.0, _error_rows),
            Metric("balanced_accuracy", _balanced_accuracy, "label", True, 1.0),
            Metric("roc_auc", _roc_auc, "probability", True, 1.0),
            Metric("f1", _f1, "label", True, 1.0),
            Metric("f1_macro", _f1_macro, "label", True, 1.0),
            Metric("rmse", _rmse, "value", row_losses=_squared_rows),
            Metric("mae", _mae, "value", row_losses=_absolute_rows),
            Metric("r2", _r2, "value", True, 1.0, _squared_rows),
        )
    },
)
