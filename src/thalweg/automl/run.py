"""The main job in a run directory: begun, killed, resumed, finished, told about."""

import hashlib
import math
import platform
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import numpy as np

from thalweg.automl.fit import Fit, new_search, prepare, run
from thalweg.automl.pace import Pace
from thalweg.automl.prepared import Prepared
from thalweg.automl.settings import Settings
from thalweg.automl.source import Source
from thalweg.automl.told import confusion, mistakes
from thalweg.core.errors import StoreError
from thalweg.store import Store, StudyRow
from thalweg.study.loop import Search
from thalweg.study.recorder import StoreRecorder

Watch = Callable[[Prepared, Search], None]
SHORTEST = 2.0  # seconds that are left for a resumed search at the least


def begin(
    path: str | Path,
    target: str | None,
    out: str | Path,
    settings: Settings,
    *,
    task: str | None = None,
    command: str = "",
    watch: Watch | None = None,
    notes: Callable[[list[str]], None] | None = None,
    started: float | None = None,
) -> Fit:
    """Search for the best model of a table, or of a folder of images, in a new run.

    **started**: since when (of `time.monotonic`) the time limit runs.

    Raises DataError, InvalidInput or StoreError before anything is trained.
    """
    started = time.monotonic() if started is None else started
    source = Source.of(path, target, task)
    data = source.load(settings)
    if notes:
        notes(list(data.notes))
    prepared = prepare(data, settings)
    study = StudyRow(
        version=version("thalweg"),
        seed=settings.seed,
        fingerprint=_fingerprint(source, settings),
        space=prepared.plan.space.to_dict(),
        settings={
            **_told(prepared, command),
            "source": vars(source),
            "fit": settings.to_json(),
        },
    )
    with Store.create(out, study) as store:
        search = _search(prepared, StoreRecorder(store), watch)
        search.clock.begin = started
        return _finish(prepared, search, store, settings, started)


def resume(
    path: str | Path,
    *,
    time_limit: float | None = None,
    trials: int | None = None,
    watch: Watch | None = None,
    notes: Callable[[list[str]], None] | None = None,
) -> Fit:
    """Go on with the search of a run directory.

    Without limits it goes on to those that it began with. **time_limit**: seconds more.
    **trials**: configurations in all.

    Raises StoreError if the data are gone or is not the same.
    """
    started = time.monotonic()
    with Store.open(path, write=True) as store:
        told = store.settings()
        if "source" not in told or "fit" not in told:
            raise StoreError(
                f"The study in {path} was not begun by `thalweg fit`, so there are no "
                "data to go on with. Continue it by the program that began it."
            )
        source, settings = Source(**told["source"]), Settings.from_json(told["fit"])
        now = Source.of(source.path, source.target, source.task)
        if now.digest != source.digest:
            raise StoreError(
                "A search goes on with the data that it began with, but "
                f"{source.path} is gone or has changed. Put it back, or begin anew."
            )
        data = source.load(settings)
        if notes:
            notes(list(data.notes))
        prepared = prepare(data, settings)
        recorder = StoreRecorder(store)
        search = _search(prepared, recorder, watch)
        recorder.restore(search)
        limits = _limits(settings, search, time_limit, trials)
        return _finish(prepared, search, store, limits, started)


def _limits(
    settings: Settings, search: Search, time_limit: float | None, trials: int | None
) -> Settings:
    """How long a resumed search goes on, its time counted from now."""
    if time_limit is not None or trials is not None:
        return replace(settings, time_limit=time_limit, trials=trials)
    if settings.time_limit is None:
        return settings
    left = max(SHORTEST, settings.time_limit - search.clock.elapsed)
    return replace(settings, time_limit=left)


def _search(prepared: Prepared, recorder: StoreRecorder, watch: Watch | None) -> Search:
    told = (lambda search: watch(prepared, search)) if watch else None
    return new_search(prepared, recorder=recorder, watch=told)


def _finish(
    prepared: Prepared,
    search: Search,
    store: Store,
    limits: Settings,
    started: float,
) -> Fit:
    assert store.rundir is not None
    pace = store.settings().get("pace")
    fit = run(
        replace(prepared, settings=limits),
        search,
        begin=started,
        pace=None if pace is None else Pace(**pace),
        keep_pace=lambda pace: store.update(settings={"pace": pace.to_json()}),
    )
    fit.model.save(store.rundir.model)
    status = "interrupted" if search.engine.interrupted else "finished"
    store.update(
        status=status,
        settings={"leader": _leader(fit), "seconds": search.clock.elapsed},
    )
    return fit


def _fingerprint(source: Source, settings: Settings) -> str:
    text = f"{source.digest}|{source.target}|{source.task}|{settings}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _told(prepared: Prepared, command: str) -> dict[str, Any]:
    """What a report says beyond the trials; keys are those of `ReportData`."""
    settings, problem, splits = (
        prepared.settings,
        prepared.problem,
        prepared.problem.splits,
    )
    best = prepared.baseline.best
    scores = {
        candidate.name: problem.score(np.atleast_2d(candidate.prediction.T).T)
        for candidate in prepared.baseline.candidates
    }
    return {
        "metric": problem.metric.name,
        "maximize": problem.metric.greater_is_better,
        "task": prepared.data.task,
        "target": prepared.data.target_name,
        "baseline": {
            "name": best.name,
            "score": scores[best.name].value,
            "score_error": scores[best.name].error,
            "others": [
                {"name": name, "score": score.value, "score_error": score.error}
                for name, score in scores.items()
                if name != best.name
            ],
        },
        "evaluation": {
            "scheme": splits.kind.replace("_", "-"),
            "folds": splits.folds,
            "repeats": splits.repeats,
            "rows": len(prepared.data),
            "validation_rows": len(splits.rows),
        },
        "time_limit": math.nan if settings.time_limit is None else settings.time_limit,
        "summary": prepared.data.summary(),
        "proposer": prepared.plan.proposer,
        "command": command,
        "environment": {
            "python": platform.python_version(),
            "jax": jax.__version__,
            "devices": f"{jax.device_count()} × {jax.default_backend()}",
            "machine": platform.machine(),
        },
    }


def _leader(fit: Fit) -> dict[str, Any]:
    """The answer, as `ReportData.leader` wants it."""
    record: dict[str, Any] = {
        "returned": fit.returned,
        "score": fit.score.value,
        "score_error": fit.score.error,
    }
    data, problem = fit.prepared.data, fit.prepared.problem
    record["confusion"] = confusion(data, problem, fit.prediction)
    record["mistakes"] = mistakes(data, problem, fit.prediction)
    if fit.leader is None:
        return record
    layers = []
    if fit.leader.networks:
        from thalweg.core.trainable import partition
        from thalweg.training.skeleton import to_arrays

        params, _ = partition(fit.leader.networks[0])
        layers = [
            (name, list(array.shape), int(array.size))
            for name, array in to_arrays(params).items()
        ]
    return record | {
        "trial": fit.leader.number,
        "config": fit.leader.config,
        "layers": layers,
        "ensemble": [list(pair) for pair in fit.ensemble],
    }
