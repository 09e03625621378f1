"""Greedy ensemble selection with replacement: a weighted mean of trained models.

Caruana, Niculescu-Mizil, Crew & Ksikes 2004, "Ensemble selection from libraries of
models", https://www.cs.cornell.edu/~alexn/papers/shotgun.icml04.revised.rev2.pdf
(sections 2.1 to 2.3). Start from the mean of the best few models; then, time and again,
add the model, chosen before or not, that lowers the mean's loss most.
Departs from the paper: of the path the shortest prefix within `tolerance` of its lowest
loss is returned; and a metric that has no incremental form sees the best models only.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Num

from thalweg.core.errors import InvalidInput
from thalweg.evaluation.metrics import METRICS, Metric, loss_of

Stack = Float[np.ndarray, "m n c"]  # predictions of `m` models on the same rows
# how often each model was picked -> the loss after one more pick of each
AfterEach = Callable[[Int[np.ndarray, " m"]], Float[np.ndarray, " m"]]

_SLOW_MODELS = 20  # how many models, and numbers of each, a slow metric looks at
_SLOW_NUMBERS = 25_000


@dataclass(frozen=True)
class Selection:
    """The weights of the models and how the selection came to them."""

    weights: Float[np.ndarray, " m"]  # sum to 1; 0 for most
    loss: float  # of the weighted mean, on the rows it was selected on: optimistic
    picks: tuple[int, ...]  # model numbers in the order of their choice, not bagged
    losses: tuple[float, ...]  # of the mean of the picks so far

    def combine(self, predictions: Sequence[Num[np.ndarray, "n c"]]) -> np.ndarray:
        """The weighted mean of the models' predictions; unused ones may be None."""
        used = np.flatnonzero(self.weights).tolist()
        parts = [predictions[model] * float(self.weights[model]) for model in used]
        return np.sum(parts, axis=0)


def select_ensemble(
    predictions: Stack,
    y: Num[np.ndarray, "n *c"],
    *,
    metric: Metric | str,
    weight: Num[np.ndarray, " n"] | None = None,
    rounds: int = 50,
    start: int = 5,
    tolerance: float = 1e-4,
    bags: int | None = None,
    seed: int = 0,
) -> Selection:
    """Weights for models, from their predictions on rows they were not trained on.

    The result is never worse on these rows than the best single model (where the metric
    is evaluated on a sample of many rows, than the best on the sample). Equal models
    are taken in their order; one with a prediction that is not finite is left out.

    **weight**: how much a row counts. **start**: at most so many of the best models are
    the first picks (as many as give the lowest loss). **tolerance**: fraction of the
    loss that a longer prefix has to gain; what is gained by less, on few rows, is luck.
    **bags**: average so many selections, each from a random half of the models
    (section 2.3), against over-fitting of few rows; 0 for one selection from all. By
    default 10 where there are fewer than 500 rows and at least 10 models.

    Raises InvalidInput if no model has finite predictions.
    """
    metric = METRICS[metric] if isinstance(metric, str) else metric
    predictions = np.asarray(predictions)
    usable = np.flatnonzero(np.isfinite(predictions).all(axis=(1, 2)))
    if not len(usable):
        raise InvalidInput(
            "An ensemble needs a model whose predictions are finite, but got none of "
            f"{len(predictions)}. Leave diverged trials out."
        )
    y = np.asarray(y)
    share = np.ones(len(y)) if weight is None else np.asarray(weight, float)
    share = share / share.sum()

    def walk(models: np.ndarray) -> tuple[list[int], list[float]]:
        after_each, seen = _after_each(metric, predictions, models, y, share)
        picks, losses = _greedy(after_each, len(seen), rounds, start, tolerance)
        return [int(seen[pick]) for pick in picks], losses

    def weights_of(*walks: list[int]) -> Float[np.ndarray, " m"]:
        size = len(predictions)
        shares = [np.bincount(picks, minlength=size) / len(picks) for picks in walks]
        return np.mean(shares, axis=0)

    def loss(weights: Float[np.ndarray, " m"]) -> float:
        mean = np.tensordot(weights.astype(predictions.dtype), predictions, axes=1)
        return loss_of(metric, metric(y, mean, share))

    picks, losses = walk(usable)
    if bags is None:
        bags = 10 if len(y) < 500 and len(usable) >= 10 else 0
    rng = np.random.default_rng(seed)
    half = (len(usable) + 1) // 2
    bagged = [walk(np.sort(rng.permutation(usable)[:half]))[0] for _ in range(bags)]
    single = weights_of(picks[:1])  # the best one: where every walk starts
    alone = loss(single)
    for walks in filter(None, (bagged, [picks])):
        weights = weights_of(*walks)
        together = loss(weights)
        if together <= alone:
            return Selection(weights, together, tuple(picks), tuple(losses))
    return Selection(single, alone, (picks[0],), (alone,))


def _greedy(
    after_each: AfterEach, models: int, rounds: int, start: int, tolerance: float
) -> tuple[list[int], list[float]]:
    """Picks and the losses of their means, cut to the shortest good prefix."""
    counts = np.zeros(models, int)
    picks, losses = [], []

    def pick(model: int, loss: float) -> None:
        counts[model] += 1
        picks.append(model)
        losses.append(loss)

    alone = after_each(counts).round(12)  # equal models differ by less
    best_first = np.argsort(alone, kind="stable")
    for model in best_first[: max(1, min(start, rounds))]:
        pick(int(model), float(after_each(counts)[model]))
    size = _first_lowest(np.array(losses)) + 1  # the rest of the start is taken back
    counts[picks[size:]] = 0
    del picks[size:], losses[size:]
    while len(picks) < rounds:
        after = after_each(counts)
        model = _first_lowest(after)
        pick(model, float(after[model]))
    size = _first_lowest(np.array(losses), max(tolerance, 1e-6)) + 1
    return picks[:size], losses[:size]


def _first_lowest(losses: np.ndarray, tolerance: float = 1e-9) -> int:
    """The first within a fraction of the lowest; NaN counts as infinite."""
    losses = np.where(np.isnan(losses), np.inf, losses)
    lowest = losses.min()
    return int(np.argmax(losses <= lowest + tolerance * abs(lowest) + 1e-12))


def _after_each(
    metric: Metric,
    predictions: Stack,
    models: np.ndarray,
    y: np.ndarray,
    share: Float[np.ndarray, " n"],
) -> tuple[AfterEach, np.ndarray]:
    """The fastest form of the metric's loss, and the models that it is for."""
    p = predictions if len(models) == len(predictions) else predictions[models]
    if metric.needs != "value" and p.shape[2] == 1:
        p = np.concatenate([1 - p, p], axis=2)
    if metric.name == "log_loss":
        return _log_losses(p, y, share), models
    if metric.name in ("accuracy", "balanced_accuracy"):
        return _errors(p, y, _class_share(y, share, metric.name)), models
    if metric.name in ("rmse", "r2"):
        return _squared_losses(p, y, share, metric.name), models
    if metric.name == "mae":
        return _absolute_losses(p, y, share), models
    best = np.sort(
        np.argsort(_any_losses(metric, p, y, share)(np.zeros(len(p))))[:_SLOW_MODELS]
    )
    return _any_losses(metric, p[best], y, share), models[best]


def _log_losses(p: Stack, y: np.ndarray, share: np.ndarray) -> AfterEach:
    """Only the true class's probability matters: `[m, n]` logarithms a round."""
    smallest = np.finfo(p.dtype).eps
    own = p[:, np.arange(len(y)), y.astype(int)] / p.sum(axis=2)
    room = np.empty_like(own)

    def after_each(counts):
        np.add(own, counts.astype(own.dtype) @ own, out=room)
        np.divide(room, counts.sum() + 1, out=room)
        np.clip(room, smallest, 1 - smallest, out=room)
        return -np.log(room, out=room).astype(float) @ share

    return after_each


def _squared_losses(p: Stack, y: np.ndarray, share: np.ndarray, name: str) -> AfterEach:
    """The Gram matrix of the errors says all: `[m]` numbers a round."""
    y = y.reshape(p.shape[1:]).astype(float)
    gram = np.empty((p.shape[2], len(p), len(p)))
    for column in range(p.shape[2]):
        error = p[:, :, column] - y[:, column]
        gram[column] = (error * share) @ error.T
    own = np.diagonal(gram, axis1=1, axis2=2)
    spread = share @ np.square(y - share @ y)

    def after_each(counts):
        cross = gram @ counts
        total = (cross @ counts)[:, None] + 2 * cross + own
        square = np.maximum(total, 0) / (counts.sum() + 1) ** 2
        if name == "rmse":
            return np.sqrt(square).mean(axis=0)
        return (square / np.where(spread > 0, spread, 1.0)[:, None]).mean(axis=0)

    return after_each


def _absolute_losses(p: Stack, y: np.ndarray, share: np.ndarray) -> AfterEach:
    errors = p - y.reshape(p.shape[1:]).astype(p.dtype)

    def after_each(counts):
        total = np.tensordot(counts.astype(errors.dtype), errors, axes=1)
        size = np.abs(errors + total).mean(axis=2) / (counts.sum() + 1)
        return size.astype(float) @ share

    return after_each


def _class_share(y: np.ndarray, share: np.ndarray, name: str) -> np.ndarray:
    """Row weights under which accuracy is the balanced one."""
    if name == "accuracy":
        return share
    _, codes = np.unique(y, return_inverse=True)
    by_class = np.bincount(codes, share)
    return share / by_class[codes] / len(by_class)


def _errors(p: Stack, y: np.ndarray, share: np.ndarray) -> AfterEach:
    """Rows whose margin one more vote can't turn are counted once for all models."""
    rows, y = np.arange(len(y)), y.astype(int)
    p = p / p.sum(axis=2, keepdims=True)

    def after_each(counts):
        total = np.tensordot(counts.astype(p.dtype), p, axes=1)
        others = total.copy()
        others[rows, y] = -np.inf
        margin = total[rows, y] - others.max(axis=1)
        open_rows = np.flatnonzero(np.abs(margin) <= 1.001 + 1e-5 * counts.sum())
        wrong = margin < 0
        wrong[open_rows] = False
        settled = wrong @ share
        votes, truth, left = total[open_rows], y[open_rows], share[open_rows]
        labels = [(votes + model[open_rows]).argmax(axis=1) for model in p]
        return settled + (np.array(labels) != truth) @ left

    return after_each


def _any_losses(
    metric: Metric, p: Stack, y: np.ndarray, share: np.ndarray
) -> AfterEach:
    """Any metric, evaluated for each model on a sample of the rows if they are many."""
    size = max(1, _SLOW_NUMBERS // p.shape[2])
    if p.shape[1] > size:
        rows = np.sort(np.random.default_rng(0).permutation(p.shape[1])[:size])
        p, y, share = p[:, rows], y[rows], share[rows]

    def after_each(counts):
        total = np.tensordot(counts.astype(p.dtype), p, axes=1)
        means = ((total + model) / (counts.sum() + 1) for model in p)
        return np.array([loss_of(metric, metric(y, mean, share)) for mean in means])

    return after_each
