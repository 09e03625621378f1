"""Whole studies: ours into Optuna's storage, Optuna's into ours."""

import math
from datetime import datetime
from typing import TYPE_CHECKING, Any

from thalweg.core.errors import InvalidInput
from thalweg.spaces import Space
from thalweg.study.optuna.distributions import distributions, ours, theirs
from thalweg.study.optuna.installed import optuna

if TYPE_CHECKING:
    from thalweg.study.ask_tell import Study
    from thalweg.study.trial import Trial

OWN = "thalweg_"  # how our entries among a trial's attributes begin


def export_study(study: "Study", storage: Any = None, *, name: str = "") -> Any:
    """The study's trials in an Optuna storage, and Optuna's study of them.

    `storage` is a URL such as "sqlite:///optuna.db", or None for memory. Called again,
    it adds what is new, so that `callbacks=[lambda study, _: export_study(study, url)]`
    shows a running study on Optuna's dashboard. Stopped trials are pruned ones there,
    diverged and failed ones failed; budgets, seconds and further values are attributes.
    """
    goals = study.goals
    copy = optuna().create_study(
        storage=storage,
        study_name=name or study.name,
        directions=list(goals.objectives.values()),
        load_if_exists=True,
    )
    if copy.directions != _directions(list(goals.objectives.values())):
        raise InvalidInput(
            f"The Optuna study {copy.study_name!r} has other directions than "
            f"{dict(goals.objectives)}. Choose another `name`."
        )
    copy.set_metric_names(list(goals.objectives))
    known = distributions(study.space)
    trials = study.trials[len(copy.trials) :]
    copy.add_trials([_frozen(study, trial, known) for trial in trials])
    return copy


def import_study(source: Any, space: Any = None, **options: Any) -> "Study":
    """A study of ours that has been told the trials of an Optuna study.

    `source` is Optuna's study. Without a `space` it is that of its trials, as long as
    all have the same parameters. `options` are those of `tw.Study`. Pruned trials are
    told with their last report, failed ones with NaN, waiting ones are enqueued.
    """
    from thalweg.study.ask_tell import Study

    trials = source.get_trials(deepcopy=False)
    state = optuna().trial.TrialState
    found = _common_space(trials) if space is None else Space.of(space)
    names = source.metric_names or (
        ["loss"]
        if len(source.directions) == 1
        else [f"value_{i}" for i in range(len(source.directions))]
    )
    directions = [direction.name.lower() for direction in source.directions]
    objectives = dict(zip(names, directions, strict=True))
    chosen: Any = {"objectives": objectives, **options}
    study = Study(found, **chosen)
    told = [t for t in trials if t.state not in (state.RUNNING, state.WAITING)]
    told = [t for t in told if t.params]
    if told:
        study.tell(
            [ours(found, t.params) for t in told],
            [_values(study, t) for t in told],
            seconds=[_seconds(t) for t in told],
        )
    for trial in trials:
        fixed = trial.system_attrs.get("fixed_params")
        if trial.state == state.WAITING and fixed:
            study.enqueue(ours(found, fixed))
    return study


def _frozen(study: "Study", trial: "Trial", known: dict[str, Any]) -> Any:
    """One evaluation as Optuna has it."""
    state, goals = optuna().trial.TrialState, study.goals
    told = [trial.values.get(name, math.nan) for name in goals.objectives]
    finite = all(map(math.isfinite, told))
    status = {"stopped": state.PRUNED, "complete": state.COMPLETE}
    status["infeasible"] = state.COMPLETE
    kind = status.get(trial.status, state.FAIL) if finite else state.FAIL
    bounds = {n: trial.values.get(n, math.nan) for n in goals.constraints}
    others = set(trial.values) - set(goals.names)
    made = optuna().trial.create_trial(
        state=kind,
        values=told if kind == state.COMPLETE else None,
        params=theirs(trial.config),
        distributions={name: known[name] for name in trial.config},
        user_attrs={
            f"{OWN}trial": trial.number,
            f"{OWN}budget": trial.budget,
            f"{OWN}parent": trial.parent,
            **({f"{OWN}error": trial.error} if trial.error else {}),
            **{name: trial.values[name] for name in sorted(others)},
        },
        intermediate_values=_reports(study, trial),
        constraints={n: v for n, v in bounds.items() if not math.isnan(v)} or None,
    )
    if math.isfinite(trial.told):
        begun = trial.asked if math.isfinite(trial.asked) else trial.told
        if math.isfinite(trial.seconds):
            begun = trial.told - trial.seconds
        made.datetime_start = datetime.fromtimestamp(begun)
        made.datetime_complete = datetime.fromtimestamp(trial.told)
    return made


def _reports(study: "Study", trial: "Trial") -> dict[int, float]:
    """By whole steps, of the only objective; what Optuna can keep."""
    if len(study.goals.objectives) > 1:
        return {}
    (name,) = study.goals.objectives
    curve = study.ledger.reports.curve(trial.number)
    return {
        int(step): values[name]
        for step, values in zip(curve.steps, curve.values, strict=True)
        if name in values and step == int(step)
    }


def _values(study: "Study", trial: Any) -> dict[str, float]:
    """What an Optuna trial came to, by name."""
    names = list(study.goals.objectives)
    told = list(trial.values) if trial.values is not None else []
    if not told and trial.state.name == "PRUNED" and trial.intermediate_values:
        told = [trial.intermediate_values[max(trial.intermediate_values)]]
    values = study.goals.nothing() | dict(zip(names, told, strict=False))
    bounds = getattr(trial, "constraints", None) or {}
    return values | {n: v for n, v in bounds.items() if n in study.goals.constraints}


def _seconds(trial: Any) -> float:
    return math.nan if trial.duration is None else trial.duration.total_seconds()


def _common_space(trials: list[Any]) -> Space:
    """The parameters of the trials, if they all have the same."""
    first: dict[str, Any] = {}
    for trial in trials:
        if not trial.params:
            continue
        first = first or dict(trial.distributions)
        if dict(trial.distributions) != first:
            differ = sorted(set(trial.distributions) ^ set(first)) or "ranges"
            raise InvalidInput(
                "The trials of this Optuna study don't all have the same parameters "
                f"({differ} differ), so that the space can't be told from them. Give "
                "it, with its conditions: `import_study(study, space)`."
            )
    if not first:
        raise InvalidInput(
            "This Optuna study has no trials to tell the space from. Give it: "
            "`import_study(study, space)`."
        )
    return Space.of(first)


def _directions(names: list[str]) -> list[Any]:
    kinds = optuna().study.StudyDirection
    return [kinds[name.upper()] for name in names]
