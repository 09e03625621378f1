"""What a search needs of its data, whether they are tables or images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from jaxtyping import PyTree

from thalweg.automl.baseline import Baseline
from thalweg.automl.plan import Plan
from thalweg.automl.settings import Settings
from thalweg.core.errors import InvalidInput
from thalweg.data import Classes, TargetScale, Task
from thalweg.evaluation import METRICS, Metric, Splits, k_fold
from thalweg.problem import DEFAULT_LOSS, DEFAULT_METRIC, Problem, Score
from thalweg.training.assembly import Assembler, NetworkOfConfig

State = tuple[dict[str, Any], dict[str, np.ndarray]]  # for JSON, and arrays


class Data(Protocol):
    """Rows with a target: a `Table` or an `ImageSet`."""

    @property
    def target(self) -> np.ndarray: ...  # codes of `classes`, or numbers
    @property
    def target_name(self) -> str: ...
    @property
    def task(self) -> Task: ...
    @property
    def classes(self) -> Classes | None: ...
    @property
    def notes(self) -> tuple[str, ...]: ...
    def __len__(self) -> int: ...
    def summary(self) -> dict[str, Any]:
        """What a report shows of the data."""
        ...


class Features(Protocol):
    """Brings rows into the form that networks get, fitted on the training parts.

    What it makes of rows is a list with one entry per split, or one for all.
    """

    kind: ClassVar[str]  # "table" or "images"
    networks: ClassVar[NetworkOfConfig | None]  # None: those for tables

    def inputs(self) -> Any:
        """What networks are built for; leaves have a leading axis of splits."""
        ...

    def transform_stated(
        self, X: Any, /, *, owner: str = "the model"
    ) -> tuple[list[Any], list[str]]:
        """The rows as each split sees them, and what was repaired, in sentences."""
        ...

    def for_networks(self, made: Sequence[Any], /) -> PyTree[np.ndarray]:
        """What `transform` made as one tree: leaves `[s, n, ...]`."""
        ...

    def for_baseline(self, made: Any, /) -> Mapping[str, np.ndarray]:
        """What it made for one split as columns, "numeric" and "categorical"."""
        ...

    def to_state(self) -> State:
        """From which `from_state` makes it again."""
        ...


@dataclass(frozen=True, eq=False)
class Prepared:
    """Data made ready: everything that comes before the first network."""

    data: Data
    settings: Settings
    features: Features
    problem: Problem
    plan: Plan
    baseline: Baseline
    recipe: Assembler
    assembly: Mapping[str, Any]

    @property
    def baseline_score(self) -> Score:
        """Of the better of the two baseline models."""
        return self.problem.score(columns(self.baseline.best.prediction))


def columns(prediction: np.ndarray) -> np.ndarray:
    """Values `[n]` as one column."""
    return prediction if prediction.ndim == 2 else prediction[:, None]


def metric_for(data: Data, settings: Settings) -> Metric:
    """The metric that is asked for, or the task's own."""
    metric = METRICS[settings.metric or DEFAULT_METRIC[data.task]]
    if data.task not in metric.tasks:
        raise InvalidInput(
            f"The metric {metric.name!r} is for {metric.tasks[0]}, but the target "
            f"{data.target_name!r} means {data.task}. Choose another metric or task."
        )
    return metric


def folds_asked(data: Data, settings: Settings) -> Splits | None:
    """The cross-validation that the settings ask for, if they do."""
    if not settings.cv:
        return None
    codes = data.target if data.task == "classification" else None
    return k_fold(len(data), codes, k=settings.cv, seed=settings.seed)


def problem_of(
    data: Data,
    settings: Settings,
    splits: Splits,
    x: PyTree[np.ndarray],
    inputs: Any,
    metric: Metric,
) -> Problem:
    """What is to be learned; numbers are scaled by each split's training part."""
    y, scales = data.target, ()
    if data.task == "classification":
        assert data.classes is not None
        wanted, outputs = y[None].astype(np.int32), len(data.classes)
    else:
        scales = tuple(TargetScale.fit(y[train]) for train in splits.train)
        wanted = np.stack([scale.encode(y) for scale in scales]).astype(np.float32)
        outputs = 1
    return Problem(
        x=x,
        y=wanted,
        target=y,
        splits=splits,
        inputs=inputs,
        outputs=outputs,
        loss=DEFAULT_LOSS[data.task],
        metric=metric,
        task=data.task,
        decoders=tuple(scale.decode for scale in scales),
        seed=settings.seed,
    )
