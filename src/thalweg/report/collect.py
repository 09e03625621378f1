"""Read a run directory into a `ReportData`."""

from collections import defaultdict
from dataclasses import replace
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thalweg.report.data import ReportData
from thalweg.report.facts import Facts

if TYPE_CHECKING:
    from thalweg.store import Store

CURVES = 5  # of how many trials

# fields of `ReportData` that a study may keep under their own names in its settings
_FROM_SETTINGS = (
    "metric",
    "maximize",
    "title",
    "task",
    "target",
    "leader",
    "baseline",
    "evaluation",
    "seconds",
    "time_limit",
    "summary",
    "proposer",
    "command",
    "environment",
)


def collect(source: "str | Path | Store") -> ReportData:
    """What the study in a run directory, or in an open store, has so far.

    A study tells what rows can't (the metric's name, the baseline, the data's summary)
    by keys of its settings that are named like the fields of `ReportData`.
    """
    from thalweg.store import Store

    if isinstance(source, Store):
        return _from_store(source)
    with Store.open(source) as store:
        return _from_store(store)


def _from_store(store: "Store") -> ReportData:
    study = store.study()
    told: dict[str, Any] = {
        key: study.settings[key]
        for key in _FROM_SETTINGS
        if study.settings.get(key) is not None
    }
    told["environment"] = {
        "thalweg": study.version or "unknown",
        **told.get("environment", {}),
    }
    time: dict[str, float] = defaultdict(float)
    for event in store.events():
        time[event.kind] += event.seconds
    data = ReportData(
        trials=store.to_frame(),
        status=study.status,
        seed=study.seed,
        created=study.created,
        time=dict(time),
        **told,
    )
    facts = Facts.of(data)
    best = dict.fromkeys([facts.leader_number, *facts.best_numbers(CURVES)])
    curves = [c for n in list(best)[:CURVES] if n is not None for c in store.curves(n)]
    seconds = facts.last_moment if isnan(data.seconds) else data.seconds
    return replace(data, curves=tuple(curves), seconds=seconds)
