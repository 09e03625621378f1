"""One task and one kind of candidate for all tests here, so that programs are few.

The task's splits are of different sizes and leave rows out; whatever a split must not
read is poisoned: its inputs are NaN and its classes out of range. Row 0, which padding
points at, is poisoned everywhere. So a finite loss proves that nothing was read.
"""

import math

import equinox as eqx
import jax
import numpy as np

from thalweg.core.rng import seed_word
from thalweg.losses import CrossEntropy
from thalweg.networks import MLP, Inputs
from thalweg.optimizers import AdamW, ClipByGlobalNorm, chain
from thalweg.schedules import Cosine
from thalweg.training import Candidate, Dataset, Job, Stop, Task

ROWS, FEATURES, CLASSES = 60, 4, 3
BATCH, ROUND, STEPS = 8, 5, 40
SIZES = [(22, 9), (20, 8), (25, 6), (21, 8), (22, 7)]  # training, validation
SPLITS = 3  # that have no poison in their own rows
POISONED_TRAINING, POISONED_VALIDATION = 3, 4  # splits that have
POISONED_ROWS = 1


def data() -> tuple[np.ndarray, np.ndarray]:
    """Three classes along noisy directions: learnt in part, never perfectly."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(ROWS, FEATURES))
    scores = x @ rng.normal(size=(FEATURES, CLASSES)) + rng.gumbel(size=(ROWS, CLASSES))
    return x.astype(np.float32), scores.argmax(axis=1).astype(np.int32)


def splits() -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(6)
    found = []
    for train, validation in SIZES:
        rows = rng.permutation(np.arange(1, ROWS))[: train + validation]
        found.append((np.sort(rows[:train]), np.sort(rows[train:])))
    return found


def dataset() -> Dataset:
    x, y = data()
    parts = splits()
    own_x = np.full((len(parts), *x.shape), np.nan, np.float32)
    own_y = np.full((len(parts), *y.shape), 10**6, np.int32)
    for split, (train, validation) in enumerate(parts):
        rows = np.concatenate([train, validation])
        own_x[split, rows], own_y[split, rows] = x[rows], y[rows]
    poisoned, _ = parts[POISONED_TRAINING]
    own_x[POISONED_TRAINING, poisoned[:POISONED_ROWS]] = np.nan
    _, poisoned = parts[POISONED_VALIDATION]
    own_x[POISONED_VALIDATION, poisoned[:POISONED_ROWS]] = np.nan
    weight = np.random.default_rng(7).uniform(0.5, 1.5, ROWS)
    return Dataset.of(own_x, own_y, parts, weight=weight / weight.mean())


def task() -> Task:
    return Task(dataset(), Inputs(FEATURES), CLASSES, CrossEntropy())


def candidate(
    rate: float = 0.02,
    *,
    steps: int = STEPS,
    patience: float = math.inf,
    ratio: float = 0.0,
    threshold: float = -math.inf,
    dropout: float = 0.0,
    smoothing: float = 0.0,
    clip: float = math.inf,
    decay: float = 0.01,
    l1: float = 0.0,
    l2: float = 0.0,
    horizon: int = STEPS,
    batch_size: int = BATCH,
) -> Candidate:
    """Everything that a recipe has, as data: one program whatever the arguments."""
    optimizer = AdamW(Cosine(rate, horizon), eps=1e-4, weight_decay=decay)
    return Candidate(
        network=MLP(hidden=(8,), activation="tanh", dropout=dropout),
        optimizer=chain(ClipByGlobalNorm(clip), optimizer),
        loss=CrossEntropy(label_smoothing=smoothing),
        stop=Stop(
            np.int32(steps),
            patience=np.float32(patience),
            ratio=np.float32(ratio),
            threshold=np.float32(threshold),
        ),
        l1=l1,
        l2=l2,
        batch_size=batch_size,
    )


def job(number: int, recipe: Candidate | None = None, **rest) -> Job:
    """The `number`-th job; unless told, each has a recipe and a split of its own."""
    if recipe is None:
        recipe = candidate(
            0.05 / (1 + number % 5), dropout=0.1 * (number % 4), l2=1e-3 * (number % 2)
        )
    split = rest.pop("split", number % SPLITS)
    seed = rest.pop("seed", seed_word(0, number))
    return Job(number, 0, recipe, split, seed, **rest)


def lent(engine):
    """A shared engine as new: nobody has pulled it, watches it or changed its pace."""
    engine.steps, engine.interrupted = ROUND, False
    engine.watch = lambda tally: None
    return engine


def bits(tree) -> list[bytes | str]:
    """Arrays as bytes: equal only if bit by bit, NaN and signed zeros too."""
    return [
        np.asarray(leaf).tobytes() if eqx.is_array_like(leaf) else str(leaf)
        for leaf in jax.tree.leaves(tree)
    ]


def result(end) -> dict:
    """What a job is answerable for; seconds are not among it."""
    return {
        "status": end.status,
        "loss": bits(end.loss),
        "step": end.step,
        "steps": end.steps,
        "network": bits(end.network),
        "outputs": bits(end.outputs),
        "curve": bits(end.curve),
        "state": bits(end.state),
    }


def results(ended) -> dict:
    return {end.job.trial: result(end) for end in ended}
