"""A linear model of a preprocessed table: ridge or multinomial logistic regression.

Hoerl & Kennard 1970, https://doi.org/10.1080/00401706.1970.10488634 (ridge). A table
that is too wide keeps the columns that correlate most with the target: sure
independence screening, Fan & Lv 2008, https://arxiv.org/abs/math/0612857.
Prediction needs NumPy only.
"""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Shaped

Features = Mapping[str, Shaped[np.ndarray, "n _"]]  # "numeric", "categorical"

_FARTHEST = 10.0  # standard deviations: a wild value counts as this
_SCREENED_NUMBERS = 20_000_000  # of the table, for means, deviations and the screening
_CHUNK = 65_536  # rows predicted at a time


@dataclass(frozen=True)
class Columns:
    """How a table becomes the columns of a linear model."""

    numeric: Int[np.ndarray, " k"]  # which numeric columns are used
    mean: Float[np.ndarray, " k"]
    scale: Float[np.ndarray, " k"]
    starts: Int[np.ndarray, " dc+1"]  # where a categorical column's codes begin
    codes: Int[np.ndarray, " q"]  # which codes, counted from `starts`, are used

    def standardised(self, numeric: Float[np.ndarray, "n dn"]) -> np.ndarray:
        """The numeric columns `[n, k]` with mean 0 and deviation 1; missing is 0."""
        x = numeric[:, self.numeric]  # a copy
        x -= self.mean
        x /= self.scale
        np.copyto(x, 0, where=np.isnan(x))
        return np.clip(x, -_FARTHEST, _FARTHEST, out=x)

    def positions(self, codes: Int[np.ndarray, "n dc"]) -> Int[np.ndarray, "n dc"]:
        """Each category's number among all codes; the number after the last: unseen."""
        place = codes[:, : len(self.starts) - 1] + self.starts[:-1]
        return np.where(place < self.starts[1:], place, self.starts[-1])

    def matrix(self, features: Features) -> Float[np.ndarray, "n k+q"]:
        """All columns, categories as zeros and ones."""
        numeric = self.standardised(features["numeric"])
        place = self.positions(features["categorical"])
        column = np.full(self.starts[-1] + 1, len(self.codes))
        column[self.codes] = np.arange(len(self.codes))
        one_hot = np.zeros((len(numeric), len(self.codes) + 1), np.float32)
        one_hot[np.arange(len(place))[:, None], column[place]] = 1
        return np.concatenate([numeric, one_hot[:, :-1]], axis=1)


@dataclass(frozen=True)
class Linear:
    """A fitted linear model; one without columns is the prior."""

    task: str  # "classification" or "regression"
    columns: Columns
    kernel: Float[np.ndarray, "k c"]  # of the standardised numeric columns
    table: Float[np.ndarray, "q+1 c"]  # a row for each code, the last for unseen ones
    bias: Float[np.ndarray, " c"]  # in double precision: targets may be far from 0
    range: tuple[float, float] = (-np.inf, np.inf)  # regression: no extrapolation

    def predict(self, features: Features) -> Float[np.ndarray, "n c"]:
        """Probabilities of the classes in single precision, or values `[n, 1]`."""
        n = len(features["numeric"])
        parts = [
            self._predict({k: v[i : i + _CHUNK] for k, v in features.items()})
            for i in range(0, max(n, 1), _CHUNK)
        ]
        return np.concatenate(parts)

    def _predict(self, features: Features) -> Float[np.ndarray, "n c"]:
        score = self.columns.standardised(features["numeric"]) @ self.kernel + self.bias
        for place in self.columns.positions(features["categorical"]).T:
            score += self.table[place]
        return self._link(score)

    def predict_matrix(self, x: Float[np.ndarray, "n k+q"]) -> Float[np.ndarray, "n c"]:
        """The same from `columns.matrix(features)`, which several models can share."""
        weights = np.concatenate([self.kernel, self.table[self.columns.codes]])
        return self._link(x @ weights + self.bias)

    def _link(self, score: Float[np.ndarray, "n c"]) -> Float[np.ndarray, "n c"]:
        if self.task == "regression":
            return np.clip(score, *self.range)
        score = np.exp(score - score.max(axis=1, keepdims=True))
        return (score / score.sum(axis=1, keepdims=True)).astype(np.float32)

    def to_state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Settings for JSON, and arrays."""
        settings = {"task": self.task}
        arrays = {f"columns.{name}": a for name, a in vars(self.columns).items()}
        own = {"kernel": self.kernel, "table": self.table, "bias": self.bias}
        return settings, {**arrays, **own, "range": np.array(self.range)}

    @staticmethod
    def from_state(
        settings: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
    ) -> "Linear":
        """The model that `to_state` described."""
        columns = {
            name.removeprefix("columns."): array
            for name, array in arrays.items()
            if name.startswith("columns.")
        }
        own = {name: arrays[name] for name in ("kernel", "table", "bias")}
        low, high = (float(x) for x in arrays["range"])
        return Linear(settings["task"], Columns(**columns), **own, range=(low, high))


def choose_columns(
    features: Features, target: Float[np.ndarray, "n c"], most: int
) -> Columns:
    """The columns of some training rows, at most `most`; constant ones are left out.

    **target**: values, or one column of zeros and ones per class.
    """
    numeric, codes = features["numeric"], features["categorical"]
    target = (target - target.mean(axis=0)).astype(np.float32)
    mean, scale = _moments(numeric)
    sizes = [int(column.max(initial=0)) + 1 for column in codes.T]
    starts = np.concatenate([[0], np.cumsum(sizes, dtype=int)]).astype(int)
    of_codes = _code_scores(codes + starts[:-1], starts[-1], target)
    score = np.concatenate([_number_scores(numeric, mean, scale, target), of_codes])
    keep = np.sort(np.argsort(-score, kind="stable")[:most])
    keep = keep[score[keep] >= 0]
    used = keep[keep < len(mean)]
    return Columns(
        numeric=used,
        mean=mean[used].astype(np.float32),
        scale=scale[used].astype(np.float32),
        starts=starts,
        codes=keep[keep >= len(mean)] - len(mean),
    )


def _moments(x: Float[np.ndarray, "n d"]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of each column without its missing values."""
    missing = np.isnan(x)
    if not missing.any():
        return x.mean(axis=0, dtype=float), x.std(axis=0, dtype=float)
    size = np.maximum(1, (~missing).sum(axis=0))
    mean = np.where(missing, 0, x).sum(axis=0, dtype=float) / size
    square = np.square(np.where(missing, 0, x - mean)).sum(axis=0) / size
    return mean, np.sqrt(square)


def _number_scores(
    x: Float[np.ndarray, "n d"],
    mean: Float[np.ndarray, " d"],
    scale: Float[np.ndarray, " d"],
    target: Float[np.ndarray, "n c"],
) -> Float[np.ndarray, " d"]:
    """Squared correlations with the centred target, summed over its columns, times a
    constant; -1 for a column that is constant but for rounding.
    """
    varies = scale > 1e-6 * np.maximum(1e-6, np.abs(mean))
    product = np.nan_to_num(x).T @ target if np.isnan(x).any() else x.T @ target
    square = np.square(product).sum(axis=1) / len(x)
    return np.where(varies, square / np.square(np.where(varies, scale, 1.0)), -1.0)


def _code_scores(
    place: Int[np.ndarray, "n dc"], codes: int, target: Float[np.ndarray, "n c"]
) -> Float[np.ndarray, " q"]:
    """The same of each code's column of zeros and ones; -1 where it is constant."""
    n = len(place)
    count = np.bincount(place.ravel(), minlength=codes)
    square = np.zeros(codes)
    for each in target.T:
        weights = np.broadcast_to(each[:, None], place.shape)
        square += np.square(np.bincount(place.ravel(), weights.ravel(), codes))
    spread = np.maximum(count * (1 - count / n), 0.5)
    return np.where((count > 0) & (count < n), square / spread, -1.0)


def screened_rows(rows: int, columns: int) -> int:
    """How many rows the means and the screening look at."""
    return min(rows, max(1_000, _SCREENED_NUMBERS // max(1, columns)))


def prior(target: np.ndarray, *, task: str, classes: int, median: bool) -> Linear:
    """Predicts the same for every row: the classes' shares, or the mean (median)."""
    none, index = np.zeros(0, np.float32), np.zeros(0, int)
    columns = Columns(index, none, none, np.zeros(1, int), index)
    if task == "regression":
        bias = np.array([np.median(target) if median else np.mean(target)])
    else:  # as if one more row had been seen, spread over the classes
        count = np.bincount(target, minlength=classes)
        bias = np.log((count + 1 / classes) / (len(target) + 1))
    return _linear(task, columns, np.zeros((0, len(bias))), bias)


def ridge_path(
    columns: Columns, x: Float[np.ndarray, "n k+q"], y: Float[np.ndarray, " n"]
) -> Callable[[float], Linear]:
    """Ridge regression, solved once for every `penalty` (which is one per row)."""
    n, centre, mean = len(x), x.mean(axis=0), float(np.mean(y))
    x = x - centre
    residual = (np.asarray(y, float) - mean)[:, None]
    wide = x.shape[1] > n
    gram = ((x @ x.T if wide else x.T @ x) / n).astype(float)
    spectrum, basis = np.linalg.eigh(gram)
    spectrum = np.maximum(spectrum, 0)
    seen = basis.T @ (residual if wide else x.T @ residual)

    def solve(penalty: float) -> Linear:
        coefficients = basis @ (seen / (spectrum + penalty)[:, None]) / n
        if wide:
            coefficients = x.T @ coefficients
        bias = mean - centre @ coefficients
        bounds = (float(np.min(y)), float(np.max(y)))
        return _linear("regression", columns, coefficients, bias, bounds)

    return solve


def logistic_path(
    columns: Columns,
    x: Float[np.ndarray, "n k+q"],
    y: Int[np.ndarray, " n"],
    classes: int,
    most_iterations: int,
) -> Callable[[float], Linear]:
    """Logistic regression for one `penalty` after another, each from the last one.

    The iterations are bounded, so a weak penalty may end early: which regularizes, and
    is no reason for a warning.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    n = len(x)
    model = LogisticRegression(max_iter=most_iterations, tol=1e-3, warm_start=True)

    def solve(penalty: float) -> Linear:
        model.set_params(C=1 / (penalty * n))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(x, y)
        coefficients, bias = np.asarray(model.coef_).T, np.asarray(model.intercept_)
        if len(model.classes_) == 2:
            coefficients = np.concatenate([0 * coefficients, coefficients], axis=1)
            bias = np.array([0.0, bias[0]])
        # a class that was not seen is less likely than any other
        all_coefficients = np.zeros((len(coefficients), classes))
        all_bias = np.full(classes, bias.min() - np.log(n + 1))
        all_coefficients[:, model.classes_] = coefficients
        all_bias[model.classes_] = bias
        return _linear("classification", columns, all_coefficients, all_bias)

    return solve


def _linear(
    task: str,
    columns: Columns,
    coefficients: Float[np.ndarray, "k+q c"],
    bias: Float[np.ndarray, " c"],
    bounds: tuple[float, float] = (-np.inf, np.inf),
) -> Linear:
    kernel, of_codes = np.split(coefficients, [len(columns.numeric)])
    table = np.zeros((columns.starts[-1] + 1, coefficients.shape[1]))
    table[columns.codes] = of_codes
    return Linear(
        task,
        columns,
        kernel.astype(np.float32),
        table.astype(np.float32),
        np.asarray(bias, float),
        bounds,
    )
