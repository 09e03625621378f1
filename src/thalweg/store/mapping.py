"""Between records and the columns of their tables."""

from dataclasses import fields
from typing import Any

import numpy as np

from thalweg.core.errors import InvalidInput
from thalweg.store.rows import STATUSES, CurveRow, EventRow, Round, StudyRow, TrialRow

TRIAL_FIELDS = tuple(f.name for f in fields(TrialRow))
STUDY_FIELDS = tuple(f.name for f in fields(StudyRow))


def trial_values(row: TrialRow, *, study: int, round: int) -> dict[str, Any]:
    """The columns of a trial."""
    if row.status not in STATUSES:
        raise InvalidInput(
            f"A trial's status must be one of {', '.join(STATUSES)}, but trial "
            f"{row.number} has {row.status!r}."
        )
    values = {name: getattr(row, name) for name in TRIAL_FIELDS}
    return values | {"study": study, "round": round}


def curve_values(row: CurveRow, *, study: int) -> dict[str, Any]:
    """The columns of one replica's curve."""
    lines = [row.steps, *row.metrics.values()]
    lengths = {len(line) for line in lines}
    if len(lengths) != 1:
        raise InvalidInput(
            "Each metric of a curve needs one value per step, but trial "
            f"{row.trial} has lengths {sorted(lengths)}. Use NaN where there is none."
        )
    return {
        "study": study,
        "trial": row.trial,
        "replica": row.replica,
        "names": list(row.metrics),
        "data": np.asarray(lines, "<f8").tobytes(),
    }


def curve_row(row: Any) -> CurveRow:
    """The curve in a row of its table."""
    lines = np.frombuffer(row.data, "<f8").reshape(1 + len(row.names), -1)
    lines = lines.astype(float)
    metrics = dict(zip(row.names, lines[1:], strict=True))
    return CurveRow(
        trial=row.trial, replica=row.replica, steps=lines[0], metrics=metrics
    )


def event_values(row: EventRow, *, study: int) -> dict[str, Any]:
    """The columns of an event."""
    return {
        "study": study,
        "kind": row.kind,
        "seconds": row.seconds,
        "at": row.at,
        "data": dict(row.data),
    }


def round_values(row: Round, *, study: int) -> dict[str, Any]:
    """The columns of a round itself."""
    return {
        "study": study,
        "number": row.number,
        "state": bytes(row.state),
        "seconds": row.seconds,
        "counters": dict(row.counters),
    }
