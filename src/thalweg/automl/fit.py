"""The main job: a table in, the best network for it out, within the time given."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from thalweg.automl.baseline import Baseline, fit_baseline
from thalweg.automl.ensemble import select_ensemble
from thalweg.automl.features import Features, stacked
from thalweg.automl.model import TabularModel
from thalweg.automl.plan import BINS, PATIENCE, RATIO, Facts, Plan, plan
from thalweg.automl.predictor import Trained
from thalweg.core.errors import InvalidInput
from thalweg.data import Table, TargetScale
from thalweg.evaluation import METRICS, Splits, choose_splits, k_fold
from thalweg.problem import DEFAULT_LOSS, DEFAULT_METRIC, Problem, Score
from thalweg.proposers import PROPOSERS, starting_from
from thalweg.spaces.presets import portfolio
from thalweg.study.loop import Recorder, Search
from thalweg.study.members import Trial
from thalweg.training.assembly import Assembler
from thalweg.training.engine import Engine

RESERVE = 0.03  # of the time limit, for the ensemble and for saving …
LEAST_RESERVE = 0.8  # … in seconds
ENSEMBLE_SIZE = 40  # of the best trials, how many an ensemble may choose from


@dataclass(frozen=True)
class Settings:
    """How to search. Whatever decides the result is here, and nothing else."""

    time_limit: float | None = 60.0  # seconds
    trials: int | None = None
    seed: int = 0
    cv: int | None = None  # folds; None: by the size of the table
    metric: str | None = None
    preset: str = "balanced"
    proposer: str | None = None
    ensemble: bool = True

    def __post_init__(self) -> None:
        if self.time_limit is None and self.trials is None:
            raise InvalidInput(
                "A search needs a limit: give `time_limit` in seconds, a number of "
                "trials, or both."
            )
        limit = self.time_limit
        if limit is not None and not (limit >= 0 and math.isfinite(limit)):
            raise InvalidInput(
                f"`time_limit` must be a number of seconds >= 0, but got {limit}."
            )
        if self.trials is not None and self.trials < 1:
            raise InvalidInput(f"`trials` must be at least 1, but got {self.trials}.")
        if self.cv is not None and self.cv < 2:
            raise InvalidInput(f"`cv` must be at least 2 folds, but got {self.cv}.")
        if self.proposer is not None:
            PROPOSERS[self.proposer]
        if self.metric is not None:
            METRICS[self.metric]


@dataclass(frozen=True, eq=False)
class Prepared:
    """A table made ready: everything that comes before the first network."""

    table: Table
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
        return self.problem.score(_columns(self.baseline.best.prediction, self.problem))


@dataclass(frozen=True, eq=False)
class Fit:
    """A search that has ended, and the model that came of it."""

    prepared: Prepared
    search: Search
    model: TabularModel
    score: Score  # of the model, on the rows that were not trained on
    leader: Trial | None
    ensemble: tuple[tuple[int, float], ...]  # trial and weight; empty: one network

    @property
    def returned(self) -> str:
        """What the model is: "ensemble", "network" or "baseline"."""
        if self.model.uses_baseline:
            return "baseline"
        return "ensemble" if len(self.model.trained) > 1 else "network"


def prepare(table: Table, settings: Settings) -> Prepared:
    """Split, preprocess and score the baseline."""
    y = table.target
    codes = y if table.task == "classification" else None
    if settings.cv:
        splits = k_fold(len(table), codes, k=settings.cv, seed=settings.seed)
    else:
        splits = choose_splits(
            len(table), table.task, codes, settings.preset, seed=settings.seed
        )
    metric = METRICS[settings.metric or DEFAULT_METRIC[table.task]]
    if table.task not in metric.tasks:
        raise InvalidInput(
            f"The metric {metric.name!r} is for {metric.tasks[0]}, but the target "
            f"{table.target_name!r} means {table.task}. Choose another metric or task."
        )
    features = Features.fit(table.frame, table.schema, splits)
    tables = features.transform(table.frame)
    problem = _problem(table, settings, splits, features, tables, metric)
    facts = Facts(
        rows=min(len(train) for train in splits.train),
        numeric=len(features.names),
        categorical=len(features.cardinalities),
        outputs=problem.outputs,
        task=table.task,
        splits=len(splits),
        seconds=math.inf if settings.time_limit is None else settings.time_limit,
    )
    chosen = plan(facts, preset=settings.preset, proposer=settings.proposer)
    baseline = fit_baseline(
        tables,
        y,
        task=table.task,
        splits=splits,
        metric=metric,
        classes=problem.outputs if codes is not None else None,
        seed=settings.seed,
    )
    assembly = {
        "loss": problem.loss,
        "batch_size": chosen.batch_size,
        "steps_per_epoch": facts.rows / chosen.batch_size,
        "epochs": chosen.epochs,
        "round_steps": chosen.round_steps,
        "patience": PATIENCE,
        "ratio": RATIO,
    }
    recipe = Assembler(chosen.space, **assembly)
    return Prepared(
        table, settings, features, problem, chosen, baseline, recipe, assembly
    )


def _problem(
    table: Table,
    settings: Settings,
    splits: Splits,
    features: Features,
    tables: list[dict[str, np.ndarray]],
    metric: Any,
) -> Problem:
    y = table.target
    scales: tuple[TargetScale, ...] = ()
    if table.task == "classification":
        assert table.classes is not None
        wanted, outputs = y[None].astype(np.int32), len(table.classes)
    else:
        scales = tuple(TargetScale.fit(y[train]) for train in splits.train)
        wanted = np.stack([scale.encode(y) for scale in scales]).astype(np.float32)
        outputs = 1
    return Problem(
        x=stacked(tables),
        y=wanted,
        target=y,
        splits=splits,
        inputs=features.inputs(BINS),
        outputs=outputs,
        loss=DEFAULT_LOSS[table.task],
        metric=metric,
        task=table.task,
        decoders=tuple(scale.decode for scale in scales),
        seed=settings.seed,
    )


def new_search(
    prepared: Prepared,
    *,
    recorder: Recorder | None = None,
    watch: Callable[[Search], None] | None = None,
) -> Search:
    """The search that the settings ask for, not yet begun."""
    plan = prepared.plan
    engine = Engine(prepared.problem.training_task(), steps=plan.round_steps)
    proposer = starting_from(PROPOSERS[plan.proposer](), portfolio(plan.space))
    return Search(
        prepared.problem,
        plan.space,
        prepared.recipe,
        proposer,
        engine,
        recorder=recorder,
        keep=ENSEMBLE_SIZE,
        watch=watch,
    )


def run(prepared: Prepared, search: Search, *, begin: float) -> Fit:
    """Search until the settings' limit, counted from `begin`, and choose the model."""
    settings = prepared.settings
    deadline = math.inf
    if settings.time_limit is not None:
        reserve = max(LEAST_RESERVE, RESERVE * settings.time_limit)
        deadline = begin + settings.time_limit - reserve
    search.run(trials=settings.trials, deadline=deadline)
    return choose(prepared, search)


def fit_table(
    table: Table,
    settings: Settings,
    *,
    watch: Callable[[Search], None] | None = None,
    begin: float | None = None,
) -> Fit:
    """The whole main job in memory. `begin`: when the time limit began to run."""
    begin = time.monotonic() if begin is None else begin
    prepared = prepare(table, settings)
    search = new_search(prepared, watch=watch)
    return run(prepared, search, begin=begin)


def choose(prepared: Prepared, search: Search) -> Fit:
    """The best of what was trained: an ensemble, a network, or the baseline."""
    problem, baseline = prepared.problem, prepared.baseline.best
    best = [t for t in search.leaderboard[:ENSEMBLE_SIZE] if t.networks]
    floor = prepared.baseline_score
    weights = np.eye(1, len(best))[0] if best else np.zeros(0)
    if best and prepared.settings.ensemble:
        stack = np.stack([np.asarray(t.prediction, np.float32) for t in best])
        weights = select_ensemble(stack, problem.truth, metric=problem.metric).weights
    score = floor
    trained: tuple[Trained, ...] = ()
    if best:
        mean = sum(
            w * np.asarray(t.prediction)
            for w, t in zip(weights, best, strict=True)
            if w
        )
        ours = problem.score(np.asarray(mean))
        if ours.loss < floor.loss or not np.isfinite(floor.loss):
            score = ours
            trained = tuple(
                Trained(t.number, t.config, float(w), t.networks)
                for w, t in zip(weights, best, strict=True)
                if w
            )
    leader = search.leaderboard[0] if search.leaderboard else None
    model = TabularModel(
        task=prepared.table.task,
        target=prepared.table.target_name,
        loss=problem.loss,
        outputs=problem.outputs,
        features=prepared.features,
        classes=prepared.table.classes,
        scales=tuple(d.__self__ for d in problem.decoders),
        bins=BINS,
        trained=trained,
        baseline=baseline,
        space=prepared.plan.space,
        assembly=prepared.assembly,
        facts={"metric": problem.metric.name, "score": score.value},
    )
    return Fit(
        prepared,
        search,
        model,
        score,
        leader,
        tuple((t.trial, t.weight) for t in trained),
    )


def _columns(prediction: np.ndarray, problem: Problem) -> np.ndarray:
    return prediction if prediction.ndim == 2 else prediction[:, None]


def settings_record(settings: Settings) -> dict[str, Any]:
    """The settings as JSON."""
    return asdict(settings)
