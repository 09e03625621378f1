"""What a study has found: incumbents, the Pareto front, tables.

An observed best of a noisy function is not the best one: the lowest of many values told
is the luckiest. So a choice says how it was made.
"""

import math
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from thalweg.core.errors import InvalidInput, SearchError, unknown_name
from thalweg.core.typing import Config
from thalweg.report.importance import Importance, importance_of
from thalweg.spaces import Space
from thalweg.study.goals import Goals
from thalweg.study.incumbent import WAYS, Best, by_mean, grouped, key_of
from thalweg.study.ledger import Ledger
from thalweg.study.trial import Trial

if TYPE_CHECKING:
    import pandas as pd


def lowest(ledger: Ledger) -> Trial:
    """The lowest loss told, among feasible evaluations of the largest budget."""
    if len(ledger.goals.objectives) > 1:
        raise SearchError(
            f"A study of {len(ledger.goals.objectives)} objectives has no single best "
            "trial. Use `pareto()`."
        )
    if ledger.leader is None:
        feasible = " that meets the constraints" if ledger.goals.constraints else ""
        raise SearchError(
            f"The best trial needs a finite loss{feasible}, but none was told yet."
        )
    return ledger.leader


def best(ledger: Ledger, by: str) -> Best:
    """The incumbent by one of `WAYS`."""
    if by not in WAYS:
        raise unknown_name("way to choose the best", by, WAYS)
    leader = lowest(ledger)
    if by == "model":
        return _by_model(ledger)
    if by == "mean":
        return _by_mean(ledger)
    count = len(_repeats(ledger)[key_of(leader.config)])
    return Best(dict(leader.config), leader.loss, by, count)


def leading(ledger: Ledger, k: int) -> list[Config]:
    """The `k` best distinct configurations: by their means, or by Pareto rank."""
    from thalweg.surrogates.pareto import order

    groups = list(_repeats(ledger).values())
    if not groups:
        return []
    means = np.array([np.mean([t.losses for t in group], 0) for group in groups])
    return [dict(groups[i][0].config) for i in order(means)[:k].tolist()]


def pareto(ledger: Ledger) -> list[Trial]:
    """Evaluations that no other one beats in every objective, by the first one."""
    from thalweg.surrogates.pareto import nondominated

    trials = _usable(ledger)
    if not trials:
        return []
    losses = np.array([t.losses for t in trials])
    front = [trials[i] for i in np.flatnonzero(nondominated(losses)).tolist()]
    return sorted(front, key=lambda t: (t.losses, t.number))


def hypervolume(ledger: Ledger, reference: Any) -> float:
    """The volume that the front dominates, within the box that ends at `reference`."""
    from thalweg.surrogates.pareto import hypervolume as volume

    rows = np.array([t.losses for t in pareto(ledger)], np.float64)
    corner = ledger.goals.reference(reference)
    return volume(rows.reshape(-1, len(corner)), corner)


def frame(ledger: Ledger) -> "pd.DataFrame":
    """One row per evaluation: what was told by name, and `config_p` per parameter."""
    import pandas as pd

    told = dict.fromkeys(ledger.goals.names)
    told |= dict.fromkeys(name for t in ledger.trials for name in t.values)
    plain = ["budget", "parent", "seconds", "status", "error"]
    names = list(ledger.space.parameters)
    rows = [
        [t.number, *(t.values.get(name, math.nan) for name in told)]
        + [getattr(t, name) for name in plain]
        + [t.config.get(name) for name in names]
        for t in ledger.trials
    ]
    columns = ["number", *told, *plain, *(f"config_{name}" for name in names)]
    return pd.DataFrame(rows, columns=columns)


def curve(ledger: Ledger, trial: int) -> "pd.DataFrame":
    """What a trial reported, by step."""
    import pandas as pd

    found = ledger.reports.curve(trial)
    return pd.DataFrame(found.values, index=pd.Index(found.steps, name="step"))


def importances(ledger: Ledger, objective: str | None) -> Importance:
    """Which parameters mattered for an objective, by the trials so far."""
    goals, trials = ledger.goals, ledger.trials
    name = next(iter(goals.objectives)) if objective is None else objective
    if name not in goals.objectives:
        raise unknown_name("objective", name, goals.objectives)
    place = list(goals.objectives).index(name)
    columns = {
        name: [trial.config.get(name) for trial in trials]
        for name in ledger.space.parameters
    }
    return importance_of(
        {n: c for n, c in columns.items() if len({repr(v) for v in c}) > 1},
        budget=np.array([trial.budget for trial in trials], np.float64),
        loss=np.array([trial.losses[place] for trial in trials], np.float64),
    )


def earlier(
    space: Space, goals: Goals, sources: Sequence[Any]
) -> tuple[list[Config], list[dict[str, float]]]:
    """Configurations and values of earlier studies, as far as they fit this one."""
    configs, values, count = [], [], 0
    for source in sources:
        table = source.to_dataframe() if hasattr(source, "to_dataframe") else source
        for row in table.to_dict("records"):
            count += 1
            config = {
                name: _python(row[f"config_{name}"])
                for name in space.parameters
                if not _missing(row.get(f"config_{name}"))
            }
            try:
                plain = space.validate(config)
            except InvalidInput:
                continue
            configs.append(plain)
            values.append(goals.read({n: row[n] for n in goals.names if n in row}))
    if count and not configs:
        raise InvalidInput(
            "`warm_start` needs earlier evaluations within the space, but none of "
            f"{count} fits. Its tables have columns `config_<parameter>` and "
            f"{', '.join(goals.names)}."
        )
    return configs, values


def summary(ledger: Ledger) -> str:
    """What is best, and by what, in a few words."""
    if len(ledger.goals.objectives) > 1:
        return f"{len(pareto(ledger))} on the Pareto front"
    if ledger.leader is None:
        return "no finite loss yet"
    name = next(iter(ledger.goals.objectives))
    return f"best {name} {ledger.leader.values[name]:.6g}, the lowest told"


def _by_mean(ledger: Ledger) -> Best:
    group = by_mean(_usable(ledger))
    if len(group) < 2:
        raise SearchError(
            "The best mean needs configurations that were evaluated several times, but "
            "there are none. Use `reevaluate(k, repeats)` and go on with `optimize`."
        )
    return Best.of(group)


def _by_model(ledger: Ledger) -> Best:
    row = ledger.proposer.recommend(ledger.state)
    if row is None:
        raise SearchError(
            f"{type(ledger.proposer).__name__} has no model to choose the best by, or "
            "knows too little yet. Use `best('lowest')`, or `reevaluate` and "
            "`best('mean')`."
        )
    config = ledger.space.decode(row[None])[0]
    group = _repeats(ledger).get(key_of(config), [])
    mean = float(np.mean([t.loss for t in group])) if group else math.nan
    return Best(config, mean, "model", len(group))


def _usable(ledger: Ledger) -> list[Trial]:
    """Feasible evaluations of the largest budget; stopped ones only if no other is."""
    fine = [t for t in ledger.trials if t.status in ("complete", "stopped")]
    largest = max((t.budget for t in fine), default=1.0)
    fine = [t for t in fine if t.budget == largest]
    return [t for t in fine if t.status == "complete"] or fine


def _repeats(ledger: Ledger) -> dict[Hashable, list[Trial]]:
    """Usable evaluations by configuration, in the order of their first."""
    return grouped(_usable(ledger))


def _python(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))
