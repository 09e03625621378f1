"""Trains architectures to compare them: hold-out or folds, several seeds, at low cost.

    low = Fidelity(epochs=3, resolution=14)
    tried = evaluate(networks, (X, y), fidelity=low, seeds=2)
    tried.ranking().order, rank_correlation(tried.mean, full.mean)

Architectures, seeds and folds are one population: whatever shares a program is compiled
once. The fourth cheap thing, a narrower network, is a smaller description.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from thalweg.core.errors import InvalidInput
from thalweg.core.rng import seed_word
from thalweg.evaluation import (
    Ranking,
    Splits,
    hold_out,
    loss_of,
    mean_and_error,
    rank_trials,
)
from thalweg.optimizers import OPTIMIZERS, AbstractOptimizer
from thalweg.problem import Problem
from thalweg.training.arguments import at_least, check_outputs, recipe
from thalweg.training.bench import Finished, Job
from thalweg.training.candidate import Stop
from thalweg.training.engine import Engine

AT_ONCE = 1024  # images that are made smaller at a time


@dataclass(frozen=True)
class Fidelity:
    """How much an architecture is given before it is judged."""

    epochs: float = 10.0  # over the rows that are left
    fraction: float = 1.0  # of the training rows; validation has all of its own
    resolution: int | None = None  # height and width of images; None: as they are

    def __post_init__(self) -> None:
        if not self.epochs > 0 or not 0 < self.fraction <= 1:
            raise InvalidInput(
                "`epochs` must be positive and `fraction` in (0, 1], but got "
                f"epochs={self.epochs}, fraction={self.fraction}."
            )
        at_least(1, resolution=self.resolution)


@dataclass(frozen=True)
class Evaluation:
    """What came of it, for each network, seed and split; NaN where training failed."""

    losses: Float[np.ndarray, "n r s"]  # of the metric, so that lower is better
    seconds: Float[np.ndarray, " n"]  # of training, without compiling
    metric: str
    overlap: float  # validation rows per training row, of folds: see `mean_and_error`

    @property
    def mean(self) -> Float[np.ndarray, " n"]:
        """Of a network's losses."""
        return self._units.mean(axis=1)

    @property
    def error(self) -> Float[np.ndarray, " n"]:
        """Standard error of the mean; NaN for a single training."""
        return mean_and_error(self._units, overlap=self.overlap)[1]

    def ranking(self) -> Ranking:
        """The networks from the best on, and which can be told from it."""
        return rank_trials(self._units, overlap=self.overlap)

    @property
    def _units(self) -> Float[np.ndarray, "n u"]:
        return self.losses.reshape(len(self.losses), -1)


def evaluate(
    networks: Sequence[Any],
    data: tuple[Any, Any],
    *,
    fidelity: Fidelity | None = None,
    optimizer: str | AbstractOptimizer[Any] = "adam",
    batch_size: int = 64,
    metric: str | None = None,
    validation: float | tuple[Any, Any] = 0.2,
    cv: int | None = None,
    seeds: int = 1,
    seed: int = 0,
    time_limit: float = float("inf"),
) -> Evaluation:
    """Trains each network anew for every seed and split, and judges it at its best.

    **networks**: what `tw.train` takes; trees that `switched` has decided share one
    program. **cv**: folds, in place of the hold-out by `validation`. What the seconds
    of `time_limit` cut is judged as it was, and is NaN if it was never judged.

    Raises InvalidInput for settings that make no sense.
    """
    fidelity = fidelity or Fidelity()
    at_least(1, seeds=seeds, batch_size=batch_size)
    if not len(networks):
        raise InvalidInput("There is nothing to evaluate: `networks` is empty.")
    X, y = data
    if fidelity.resolution is not None:
        X = smaller(X, fidelity.resolution)
        if isinstance(validation, tuple):
            validation = smaller(validation[0], fidelity.resolution), validation[1]
    problem = Problem.of(X, y, metric=metric, validation=validation, cv=cv, seed=seed)
    if fidelity.fraction < 1:
        problem = replace(problem, splits=_part(problem, fidelity.fraction, seed))
    if isinstance(optimizer, str):
        optimizer = OPTIMIZERS[optimizer]()
    rows = min(map(len, problem.splits.train))
    batch_size = min(batch_size, rows)
    stop = Stop(np.int32(max(1, round(fidelity.epochs * rows / batch_size))))
    candidates = [
        recipe(n, optimizer, problem.judge(), stop, l1=0, l2=0, batch_size=batch_size)
        for n in networks
    ]
    check_outputs(candidates[0], problem)
    count = len(problem.splits)
    jobs = [
        Job(number, r * count + split, candidate, split, seed_word(seed, number, r))
        for number, candidate in enumerate(candidates)
        for r in range(seeds)
        for split in range(count)
    ]
    engine = Engine(problem.training_task(), steps=-(-rows // batch_size))
    ended = engine.train(jobs, deadline=time.monotonic() + time_limit)
    return _collected(ended, problem, (len(networks), seeds, count))


def smaller(images: Any, side: int) -> Float[np.ndarray, "n side side c"]:
    """Images of height and width `side`, each place a mean of those it came from."""
    images = np.asarray(images)
    if images.ndim not in (3, 4):
        raise InvalidInput(
            "`resolution` is for images [n, height, width, channels], but got an array "
            f"of the shape {images.shape}."
        )
    shape = (side, side, *images.shape[3:])

    def resized(some: np.ndarray) -> np.ndarray:
        x = jnp.asarray(some, jnp.float32)
        return np.asarray(jax.image.resize(x, (len(x), *shape), "linear"))

    parts = range(0, len(images), AT_ONCE)
    return np.concatenate([resized(images[i : i + AT_ONCE]) for i in parts])


def _part(problem: Problem, fraction: float, seed: int) -> Splits:
    """The splits with a share of their training rows, its classes spread evenly."""
    splits, codes = problem.splits, problem.target

    def some(rows: np.ndarray) -> np.ndarray:
        classes = problem.task == "classification" and codes.ndim == 1
        y = codes[rows] if classes else None
        return rows[hold_out(len(rows), y, fraction=fraction, seed=seed).validation[0]]

    return replace(splits, train=tuple(some(rows) for rows in splits.train))


def _collected(
    ended: Sequence[Finished], problem: Problem, shape: tuple[int, int, int]
) -> Evaluation:
    losses, seconds = np.full(shape, np.nan), np.zeros(shape[0])
    splits = problem.splits
    for end in ended:
        seconds[end.job.trial] += end.seconds
        if end.outputs is None or not np.isfinite(end.loss):
            continue
        rows = splits.validation[end.job.split]
        outputs = end.outputs[: len(rows)]
        value = problem.metric(
            problem.target[rows], problem.predict(end.job.split, outputs)
        )
        replica = divmod(end.job.replica, shape[2])
        losses[end.job.trial, *replica] = loss_of(problem.metric, value)
    folds = splits.kind == "cross_validation"
    overlap = 1 / (splits.folds - 1) if folds else 0.0
    return Evaluation(losses, seconds, problem.metric.name, overlap)


__all__ = ["Evaluation", "Fidelity", "evaluate", "smaller"]
