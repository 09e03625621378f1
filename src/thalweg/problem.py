"""What is to be learned: inputs, targets, splits, loss and metric, in one record."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int, Num, PyTree

from thalweg.core.errors import InvalidInput
from thalweg.evaluation import METRICS, Metric, Splits, hold_out, k_fold, loss_of
from thalweg.losses import LOSSES, AbstractLoss

if TYPE_CHECKING:
    from thalweg.training.population import Task

# What a search minimises and is judged by, where the user doesn't say.
DEFAULT_LOSS = {"classification": "cross_entropy", "regression": "mse"}
DEFAULT_METRIC = {"classification": "log_loss", "regression": "rmse"}


@dataclass(frozen=True)
class Score:
    """A metric's value, with one standard error."""

    value: float
    error: float
    loss: float  # the value turned so that lower is better


@dataclass(frozen=True, eq=False)
class Problem:
    """Data that is ready for networks, and how a network's answer is judged.

    Inputs have a leading axis of splits, because each split's preprocessing is fitted
    on its own training part (of length 1 where all splits share them). A split's
    decoder turns what the network predicts into the target's unit.
    """

    x: PyTree[np.ndarray]  # leaves [s, n, ...]
    y: Num[np.ndarray, "s n *c"]  # as the loss wants it
    target: Num[np.ndarray, " n *c"]  # as the metric wants it
    splits: Splits
    inputs: Any  # what a network's description builds from; leaves [s, ...]
    outputs: int
    loss: str
    metric: Metric
    task: str  # "classification" or "regression"
    decoders: Sequence[Any] = ()  # of each split: values in the target's unit
    weight: Float[np.ndarray, " n"] | None = None  # of a row in the training loss
    seed: int = field(default=0)

    @staticmethod
    def of(
        X: Any,
        y: Any,
        *,
        loss: str | None = None,
        metric: str | None = None,
        validation: float | tuple[Any, Any] = 0.2,
        cv: int | None = None,
        seed: int = 0,
    ) -> "Problem":
        """From arrays: rows in `X` (an array, or a dict of them), targets in `y`.

        Integer targets are class codes `0..c-1`, others are numbers. **validation**:
        fraction that is held out, 0 for none, or inputs and targets of its own;
        **cv**: folds, instead of a hold-out.

        Raises InvalidInput if lengths differ or the loss does not fit the targets.
        """
        X, y, given = _joined(X, y, validation)
        _check_numbers(X, y)
        lengths = {len(leaf) for leaf in jax.tree.leaves(X)} | {len(y)}
        if len(lengths) != 1:
            raise InvalidInput(
                "`X` and `y` need the same number of rows, but got "
                f"{', '.join(map(str, sorted(lengths)))}."
            )
        task = "classification" if y.dtype.kind in "iub" else "regression"
        loss = loss or DEFAULT_LOSS[task]
        if LOSSES[loss].task != task:
            raise InvalidInput(
                f"The loss {loss!r} is for {LOSSES[loss].task}, but `y` of type "
                f"{y.dtype} means {task}. Give integer class codes for "
                "classification, floating-point numbers for regression."
            )
        if given is None:
            assert isinstance(validation, int | float)
            codes = y if task == "classification" and y.ndim == 1 else None
            given = _splits(len(y), codes, validation, cv, seed)
        return Problem(
            x=_shared(jax.tree.map(_as_input, X)),
            y=_shared(_single(y) if task == "regression" else y.astype(np.int32)),
            target=y,
            splits=given,
            inputs=_inputs(X, given),
            outputs=_outputs(y, loss),
            loss=loss,
            metric=METRICS[metric or DEFAULT_METRIC[task]],
            task=task,
            seed=seed,
        )

    def training_task(self) -> "Task":
        """What the trainer needs of the problem."""
        from thalweg.training.dataset import Dataset
        from thalweg.training.population import Task

        data = Dataset.of(self.x, self.y, self.splits, weight=self.weight)
        return Task(data, self.inputs, self.outputs, self.judge())

    def judge(self) -> AbstractLoss:
        """The loss that validation is measured by: the plain one."""
        kind: Any = LOSSES[self.loss]
        return kind()

    @cached_property
    def truth(self) -> Num[np.ndarray, " r *c"]:
        """Targets of the rows that are scored."""
        return self.target[self.splits.rows]

    def predict(
        self, split: int, outputs: Float[np.ndarray, "n c"]
    ) -> Float[np.ndarray, "n c"]:
        """Probabilities or values that a network's outputs stand for."""
        prediction = np.asarray(self._link(jnp.asarray(outputs)))
        if self.decoders:
            prediction = self.decoders[split](prediction)
        return prediction

    @cached_property
    def _link(self) -> Any:
        judge = self.judge()
        return jax.jit(lambda outputs: judge.link(outputs))

    def out_of_fold(
        self, outputs: Sequence[Float[np.ndarray, "nv c"]]
    ) -> Float[np.ndarray, "r c"]:
        """Predictions of the scored rows, from each split's outputs on its own."""
        return self.splits.out_of_fold(
            [self.predict(split, part) for split, part in enumerate(outputs)]
        )

    def score(self, prediction: Float[np.ndarray, "r c"]) -> Score:
        """The metric of predictions of the scored rows, with its standard error.

        The error is that of a mean over rows (for RMSE by the delta method); for
        metrics that are no mean it is taken from random halves of the rows.
        """
        value = self.metric(self.truth, prediction)
        return Score(value, self._error(prediction, value), loss_of(self.metric, value))

    def _error(self, prediction: Float[np.ndarray, "r c"], value: float) -> float:
        n = len(self.truth)
        losses = self.metric.losses_by_row(self.truth, prediction)
        if n < 2 or not np.isfinite(value):
            return float("nan")
        if losses is None:
            rng = np.random.default_rng(0)
            halves = [rng.permutation(n)[: n // 2 + 1] for _ in range(20)]
            values = [self.metric(self.truth[h], prediction[h]) for h in halves]
            return float(np.nanstd(values))  # half the rows, without replacement
        error = float(np.std(losses) / np.sqrt(n))
        if self.metric.name == "rmse":
            return error / (2 * value) if value > 0 else 0.0
        if self.metric.name == "r2":
            return error / max(float(np.var(self.truth)), 1e-30)
        return error


def _joined(X: Any, y: Any, validation: Any) -> tuple[PyTree, Any, Splits | None]:
    """All rows, and the split if validation has rows of its own."""
    X, y = _arrays(X), np.asarray(y)
    if not isinstance(validation, tuple):
        return X, y, None
    other, n = (_arrays(validation[0]), np.asarray(validation[1])), len(y)
    try:
        X, y = jax.tree.map(lambda a, b: np.concatenate([a, b]), (X, y), other)
    except ValueError:
        raise InvalidInput(
            "The validation data need the columns of the training data, but got "
            f"{_shapes(other)} for {_shapes((X, y))}."
        ) from None
    rows = np.arange(len(y))
    return X, y, Splits((rows[:n],), (rows[n:],), "hold_out")


def _arrays(X: Any) -> PyTree:
    return jax.tree.map(np.asarray, X) if isinstance(X, dict) else np.asarray(X)


def _shapes(data: PyTree) -> str:
    return ", ".join(str(leaf.shape) for leaf in jax.tree.leaves(data))


def _check_numbers(X: PyTree, y: np.ndarray) -> None:
    for leaf in (*jax.tree.leaves(X), y):
        if leaf.dtype.kind not in "fiub" or leaf.ndim == 0:
            raise InvalidInput(
                "Inputs and targets are arrays of numbers (classes are codes 0, 1, 2, "
                f"…), but got the type {leaf.dtype} and the shape {leaf.shape}."
            )
    if y.dtype.kind == "i" and y.size and y.min() < 0:
        raise InvalidInput(
            f"Class codes are 0, 1, 2, …, but got {y.min()}. Number the classes from 0."
        )


def _splits(n: int, codes: Any, validation: float, cv: int | None, seed: int) -> Splits:
    if cv:
        return k_fold(n, codes, k=cv, seed=seed)
    if validation == 0:
        rows = np.arange(n)
        return Splits((rows,), (rows[:0],), "hold_out")
    return hold_out(n, codes, fraction=validation, seed=seed)


def _single(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float32) if array.dtype.kind in "fiub" else array


def _as_input(array: np.ndarray) -> np.ndarray:
    """Single precision, but for images of bytes, which stay a quarter of it."""
    return array if array.dtype == np.uint8 and array.ndim > 2 else _single(array)


def _shared(tree: PyTree) -> PyTree:
    """One copy for all splits: a leading axis of 1."""
    return jax.tree.map(lambda a: a[None], tree)


def _inputs(X: PyTree, splits: Splits) -> Any:
    """What networks for tables and images are told of `X`; others know their shapes."""
    from thalweg.networks import Images, Inputs

    if not isinstance(X, np.ndarray) or not 2 <= X.ndim <= 4:
        return None
    if X.ndim == 2:
        return Inputs(numeric=X.shape[1])
    X = X if X.ndim == 4 else X[..., None]
    mean, std = moments_of(X, splits)
    return Images(*X.shape[1:], mean=mean, std=std)


def moments_of(
    X: Num[np.ndarray, "n h w c"], splits: Splits
) -> tuple[Float[np.ndarray, "s c"], Float[np.ndarray, "s c"]]:
    """Mean and standard deviation of the channels in each split's training part."""
    moments = [_of_channels(X, rows) for rows in splits.train]
    mean, std = (np.stack(each) for each in zip(*moments, strict=True))
    return mean, std


def _of_channels(
    X: Num[np.ndarray, "n h w c"], rows: Int[np.ndarray, " r"]
) -> tuple[Float[np.ndarray, " c"], Float[np.ndarray, " c"]]:
    """Mean and standard deviation of each channel (1 for a constant one)."""
    totals = np.zeros((2, X.shape[-1]))
    for begin in range(0, len(rows), 1024):
        some = X[rows[begin : begin + 1024]].astype(np.float64)
        totals += [some.sum((0, 1, 2)), np.square(some).sum((0, 1, 2))]
    mean, square = totals / max(1, len(rows) * X.shape[1] * X.shape[2])
    std = np.sqrt(np.maximum(square - mean**2, 0))
    std = np.where(std > 1e-6 * np.abs(mean), std, 1.0)
    return mean.astype(np.float32), std.astype(np.float32)


def _outputs(y: np.ndarray, loss: str) -> int:
    if loss == "cross_entropy":
        return int(y.max()) + 1
    return 1 if y.ndim == 1 else y.shape[1]
