"""From proposals to jobs, and from what has ended to trials: folds are members."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float, PyTree

from thalweg.core.errors import InvalidInput, StoreError
from thalweg.core.rng import seed_word
from thalweg.core.typing import Config
from thalweg.diagnosis import Record, mean_record
from thalweg.problem import Problem, Score
from thalweg.training.bench import Finished, Job
from thalweg.training.candidate import signature
from thalweg.training.population import CURVE

# A trial is as well as the worst of its members.
WORST_FIRST = ("infeasible", "diverged", "cut", "stopped", "complete")


@dataclass(frozen=True, eq=False)
class Trial:
    """A configuration that was trained on every split, and what came of it."""

    number: int
    config: Config
    status: str
    score: Score | None  # None if a member has no result
    budget: float = 1.0
    parent: int = -1  # whose weights it began from; itself if it went on; -1: neither
    steps: int = 0
    parameters: int = 0  # of one network
    train_seconds: float = 0.0
    curves: tuple[Float[np.ndarray, "t k"], ...] = ()  # of each split; columns CURVE
    prediction: Float[np.ndarray, "r c"] | None = None  # of the scored rows
    networks: tuple[Any, ...] = ()  # of each split, leaves NumPy arrays
    states: tuple[PyTree, ...] = ()  # of each split, to go on from
    started: float = field(default=float("nan"))  # seconds since the study began
    finished: float = field(default=float("nan"))
    costs: Mapping[str, float] = field(default_factory=dict)  # further objectives

    @property
    def losses(self) -> tuple[float, ...]:
        """Every objective, the loss first; all NaN without a score."""
        if self.score is None:
            return (float("nan"),) * (1 + len(self.costs))
        return (self.loss, *self.costs.values())

    @property
    def loss(self) -> float:
        """What proposers and rankings compare; NaN without a score."""
        return float("nan") if self.score is None else self.score.loss

    def recorded(self) -> Record:
        """What `diagnose` reads: the mean curve over the splits."""
        return mean_record(self.curves, status=self.status, settings=self.config)


def jobs(
    problem: Problem,
    recipe: Any,
    *,
    trial: int,
    parent: Trial | None = None,
    keep: bool = False,
) -> list[Job]:
    """One job for each split. A parent's members go on where they were left.

    Without its states they are trained from the start, to the same result. If the
    parent is another trial, its weights are inherited, and must be there.
    """
    states = parent.states if parent is not None and parent.states else None
    heir = parent is not None and parent.number != trial
    if parent is not None and heir and states is None:
        raise StoreError(
            f"Trial {trial} begins from the weights of trial {parent.number}, but they "
            "were not kept. Such a search goes on from a run directory, which keeps "
            "them; a database alone does not."
        )
    return [
        Job(
            trial=trial,
            replica=split,
            candidate=recipe,
            split=split,
            seed=seed_word(problem.seed, trial, split),
            resume=None if states is None else states[split],
            heir=heir,
            keep=keep,
        )
        for split in range(len(problem.splits))
    ]


def check_heir(config: Config, recipe: Any, parent: Trial, parents: Any) -> None:
    """Raises InvalidInput unless `recipe` can train the weights of `parents`, another.

    Whatever chooses a part of the program (an optimizer, a depth) must be the same too:
    what is remembered of a training belongs to it.
    """
    if signature(recipe, width=2) == signature(parents, width=2):
        return
    names = sorted({*config, *parent.config})
    changed = [n for n in names if config.get(n) != parent.config.get(n)]
    raise InvalidInput(
        f"A trial that begins from the weights of trial {parent.number} must have its "
        f"shapes and its choices of optimizer, schedule, activation, normalization and "
        f"depth, but {', '.join(changed)} changed. Name what may not change in the "
        "proposer's `fixed`."
    )


def conclude(
    problem: Problem,
    config: Config,
    ended: Sequence[Finished],
    *,
    number: int,
    budget: float,
    parent: Trial | None,
) -> Trial:
    """The trial that its members make. It has a score if every member has a result."""
    whole = len(ended) == len(problem.splits)
    found = {end.status for end in ended} | (set() if whole else {"cut"})
    status = next(s for s in WORST_FIRST if s in found)
    usable = whole and all(end.network is not None for end in ended)
    prediction = score = None
    if usable and status != "diverged":
        prediction = problem.out_of_fold([np.asarray(end.outputs) for end in ended])
        score = problem.score(prediction)
        if not np.isfinite(score.value):
            prediction = score = None
    origin, before = -1, 0.0
    if parent is not None and parent.number == number:  # it went on
        origin, before = number, parent.train_seconds
        if parent.parent >= 0:
            origin = parent.parent
    elif parent is not None:
        origin = parent.number
    return Trial(
        number=number,
        config=config,
        status=status,
        score=score,
        budget=budget,
        parent=origin,
        steps=max((end.steps for end in ended), default=0),
        parameters=max((end.parameters for end in ended), default=0),
        train_seconds=before + sum(end.seconds for end in ended),
        curves=tuple(_whole_curve(end, parent) for end in ended),
        prediction=prediction,
        networks=tuple(end.network for end in ended) if score is not None else (),
        states=tuple(end.state for end in ended if end.state is not None),
    )


def _whole_curve(end: Finished, parent: Trial | None) -> Float[np.ndarray, "t k"]:
    """The member's rounds from its first step on, whoever trained them."""
    if parent is None or end.job.resume is None:
        return end.curve
    return np.concatenate([parent.curves[end.job.replica], end.curve])


__all__ = ["CURVE", "Trial", "conclude", "jobs"]
