"""The main job: data in, the best network for them out, within the time given."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from thalweg.automl.ensemble import select_ensemble
from thalweg.automl.image_sets import prepare_images
from thalweg.automl.model import Model
from thalweg.automl.pace import Pace, at_pace, measured
from thalweg.automl.predictor import Trained
from thalweg.automl.prepared import Data, Prepared, columns
from thalweg.automl.settings import Settings
from thalweg.automl.tables import prepare_table
from thalweg.data import Table
from thalweg.data.images import ImageSet
from thalweg.problem import Score
from thalweg.proposers import PROPOSERS, starting_from
from thalweg.study.loop import Recorder, Search
from thalweg.study.members import Trial
from thalweg.training.engine import Engine

RESERVE = 0.03  # of the time limit, for the ensemble and for saving …
LEAST_RESERVE = 0.8  # … in seconds
ENSEMBLE_SIZE = 40  # of the best trials, how many an ensemble may choose from


@dataclass(frozen=True, eq=False)
class Fit:
    """A search that has ended, and the model that came of it."""

    prepared: Prepared
    search: Search
    model: Model
    score: Score  # of the model, on the rows that were not trained on
    leader: Trial | None
    ensemble: tuple[tuple[int, float], ...]  # trial and weight; empty: one network
    prediction: np.ndarray  # the model's, of the rows that were not trained on

    @property
    def returned(self) -> str:
        """What the model is: "ensemble", "network" or "baseline"."""
        if self.model.uses_baseline:
            return "baseline"
        return "ensemble" if len(self.model.trained) > 1 else "network"


def prepare(data: Data, settings: Settings) -> Prepared:
    """Split, preprocess and score the baseline."""
    if isinstance(data, Table):
        return prepare_table(data, settings)
    assert isinstance(data, ImageSet)
    return prepare_images(data, settings)


def new_search(
    prepared: Prepared,
    *,
    recorder: Recorder | None = None,
    watch: Callable[[Search], None] | None = None,
) -> Search:
    """The search that the settings ask for, not yet begun."""
    plan = prepared.plan
    engine = Engine(prepared.problem.training_task(), steps=plan.round_steps)
    proposer = starting_from(PROPOSERS[plan.proposer](), list(plan.starts))
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


def run(
    prepared: Prepared,
    search: Search,
    *,
    begin: float,
    pace: Pace | None = None,
    keep_pace: Callable[[Pace], None] | None = None,
) -> Fit:
    """Search until the settings' limit, counted from `begin`, and choose the model.

    **pace**: of a search that goes on; a new one measures it, and hands it out.
    """
    settings = prepared.settings
    deadline = math.inf
    if settings.time_limit is not None:
        reserve = max(LEAST_RESERVE, RESERVE * settings.time_limit)
        deadline = begin + settings.time_limit - reserve
    if not search.trials:
        pace = measured(prepared, search, deadline)
        if pace is not None and keep_pace is not None:
            keep_pace(pace)
    prepared = at_pace(prepared, search, pace)
    search.run(trials=settings.trials, deadline=deadline)
    return choose(prepared, search)


def fit(
    data: Data,
    settings: Settings,
    *,
    watch: Callable[[Search], None] | None = None,
    begin: float | None = None,
) -> Fit:
    """The whole main job in memory. `begin`: when the time limit began to run."""
    begin = time.monotonic() if begin is None else begin
    prepared = prepare(data, settings)
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
    score, prediction = floor, columns(baseline.prediction)
    trained: tuple[Trained, ...] = ()
    if best:
        mean = sum(
            w * np.asarray(t.prediction)
            for w, t in zip(weights, best, strict=True)
            if w
        )
        ours = problem.score(np.asarray(mean))
        if ours.loss < floor.loss or not np.isfinite(floor.loss):
            score, prediction = ours, np.asarray(mean)
            trained = tuple(
                Trained(t.number, t.config, float(w), t.networks)
                for w, t in zip(weights, best, strict=True)
                if w
            )
    leader = search.leaderboard[0] if search.leaderboard else None
    model = Model(
        task=prepared.data.task,
        target=prepared.data.target_name,
        loss=problem.loss,
        outputs=problem.outputs,
        features=prepared.features,
        classes=prepared.data.classes,
        scales=tuple(d.__self__ for d in problem.decoders),
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
        prediction,
    )
