"""A search that takes a second: few rows, eight units, one program for all tests."""

import numpy as np

from thalweg.problem import Problem
from thalweg.proposers import PBT, GaussianProcess, Hyperband, Random
from thalweg.spaces import Choice, Constant, Float, Space
from thalweg.study import Search
from thalweg.training import Assembler, Engine

ROUND, EPOCHS, BATCH_SIZE, FOLDS = 3, 9, 16, 2
SPACE = Space(
    {
        "learning_rate": Float(1e-3, 3e-1, log=True),
        "dropout": Float(0.0, 0.5),
        "activation": Choice(["relu", "tanh"]),
        "width": Constant(8),
    }
)
PROPOSERS = {
    "random": Random(),
    "gp": GaussianProcess(initial=5),
    "hyperband": Hyperband(min_budget=1 / 9, brackets=2),
    "pbt": PBT(members=8, generations=6, populations=1),
}
TRIALS = {"random": 18, "gp": 16, "hyperband": 99, "pbt": 99}  # the last end themselves


def problem(seed: int = 0) -> Problem:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(64, 3))
    y = (x @ [1.5, -1.0, 0.5] + 0.5 * rng.normal(size=64) > 0).astype(int)
    return Problem.of(x, y, cv=FOLDS, seed=seed)


def assembler(space: Space = SPACE) -> Assembler:
    return Assembler(
        space,
        loss="cross_entropy",
        batch_size=BATCH_SIZE,
        steps_per_epoch=2,
        epochs=EPOCHS,
        round_steps=ROUND,
    )


def search(
    proposer, engine: Engine, *, seed: int = 0, space: Space = SPACE, **rest
) -> Search:
    """A search that shares a compiled engine."""
    engine.interrupted = False
    return Search(
        problem(seed), space, assembler(space), proposer, engine, **{"batch": 4} | rest
    )


def rows(found: Search) -> list[tuple]:
    """Everything of every trial that must be equal, bit by bit."""
    return [
        (
            t.number,
            t.config,
            t.status,
            t.loss,
            t.score,
            t.budget,
            t.parent,
            t.steps,
            [np.asarray(curve, np.float64).tobytes() for curve in t.curves],
        )
        for t in sorted(found.trials.values(), key=lambda t: t.number)
    ]


def board(found: Search) -> list[tuple]:
    """The leaderboard with the predictions of whoever's are kept."""
    return [
        (t.number, t.loss, None if t.prediction is None else t.prediction.tobytes())
        for t in found.leaderboard
    ]


def same(one, other) -> bool:
    """Equality in which NaN equals NaN."""
    try:
        np.testing.assert_equal(one, other)
    except AssertionError:
        return False
    return True


def stop_after(rounds: int):
    """A watch that pulls the plug between two rounds."""

    def watch(found: Search) -> None:
        if found.rounds >= rounds and not found.pending:
            raise KeyboardInterrupt

    return watch
