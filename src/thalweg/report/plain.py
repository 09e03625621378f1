"""A report as JSON, for programs."""

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any

from thalweg.report import answer
from thalweg.report.data import ReportData
from thalweg.report.facts import Facts, config_of, is_missing
from thalweg.report.findings import diagnosis
from thalweg.report.words import in_words


def to_json(data: ReportData, *, indent: int | None = 2) -> str:
    """The report as JSON text that any reader takes: NaN and infinities are null.

    `trials` holds every trial with a score, the best first, then the others.
    """
    facts = Facts.of(data)
    rest = data.trials[~data.trials.index.isin(facts.ranked.index)]
    rows = [*_rows(facts.ranked), *_rows(rest)]
    value = {
        "title": answer.title(facts),
        "status": data.status,
        "task": data.task,
        "target": data.target,
        "metric": data.metric,
        "maximize": data.maximize,
        "leader": {
            **data.leader,
            "trial": facts.leader_number,
            "config": facts.config,
            "score": facts.score,
            "score_error": facts.score_error,
            # of what the model predicts with: the leader, or an ensemble
            "returned_score": data.leader.get("score", facts.score),
            "returned_score_error": data.leader.get("score_error", facts.score_error),
            "words": in_words(facts.config),
        },
        "baseline": data.baseline,
        "evaluation": data.evaluation,
        "answer": " ".join(filter(None, answer.sentences(facts))),
        "diagnosis": [vars(finding) for finding in diagnosis(facts)],
        "trials": rows,
        "time": data.time,
        "seconds": data.seconds,
        "time_limit": data.time_limit,
        "summary": data.summary,
        "proposer": data.proposer,
        "seed": data.seed,
        "command": data.command,
        "created": data.created,
        "environment": data.environment,
    }
    return json.dumps(_plain(value), indent=indent, allow_nan=False)


def _rows(frame: Any) -> list[dict[str, Any]]:
    rows = []
    for _, row in frame.iterrows():
        plain: dict[str, Any] = {
            k: v for k, v in row.items() if not k.startswith(("config.", "metrics."))
        }
        plain["config"] = config_of(row)
        plain["metrics"] = {
            k.removeprefix("metrics."): v
            for k, v in row.items()
            if k.startswith("metrics.") and not is_missing(v)
        }
        rows.append(plain)
    return rows


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):  # NumPy's scalars and arrays
        return _plain(value.tolist())
    if isinstance(value, float):
        return value if isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)
