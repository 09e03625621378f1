"""What is written to a study's tables, each inside the caller's transaction."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from thalweg.store import mapping, reading, schema
from thalweg.store.rows import EventRow, Round, StudyRow


def named(study: StudyRow) -> StudyRow:
    """The study with a name and a date."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    name = study.name or uuid.uuid4().hex
    return replace(study, name=name, created=study.created or now)


def insert_study(connection: sa.Connection, row: StudyRow) -> None:
    """The study's own row, and the tables if they are not there."""
    schema.metadata.create_all(connection)
    values: dict[str, Any] = {n: getattr(row, n) for n in mapping.STUDY_FIELDS}
    connection.execute(sa.insert(schema.study), values | {"schema": schema.SCHEMA})


def lock(connection: sa.Connection, study: int) -> None:
    """Nobody else writes to the study until the transaction ends.

    It is a write, which locks the row: SQLite can't turn a reading transaction into a
    writing one while others write.
    """
    mine = schema.study.c.id == study
    connection.execute(sa.update(schema.study).where(mine).values(id=study))


def update_study(
    connection: sa.Connection,
    study: int,
    *,
    status: str | None,
    settings: Mapping[str, Any] | None,
) -> None:
    """Another status; further settings beside those that are there."""
    mine = schema.study.c.id == study
    lock(connection, study)
    row = reading.study_row(connection, study)
    values = {
        "status": row.status if status is None else status,
        "settings": {**row.settings, **(settings or {})},
    }
    connection.execute(sa.update(schema.study).where(mine).values(values))


def insert_round(connection: sa.Connection, study: int, round: Round) -> set[str]:
    """All rows of a round; returns the weight files that no row names any more."""
    table = schema.round_
    own = mapping.round_values(round, study=study)
    forget = sa.update(table).where(table.c.study == study).values(state=None)
    connection.execute(forget)  # a write first, as above
    connection.execute(sa.insert(table), own)
    numbers = [row.number for row in round.trials]
    before = reading.weights(connection, study, [*numbers, *round.released])
    _delete_trials(connection, study, numbers)
    _release_weights(connection, study, round.released)
    rows = [
        mapping.trial_values(row, study=study, round=round.number)
        for row in round.trials
    ]
    _insert(connection, schema.trial, rows)
    curves = [mapping.curve_values(row, study=study) for row in round.curves]
    _insert(connection, schema.curve, curves)
    insert_events(connection, study, round.events)
    return before - {row.weights for row in round.trials}


def insert_events(
    connection: sa.Connection, study: int, events: Sequence[EventRow]
) -> None:
    rows = [mapping.event_values(row, study=study) for row in events]
    _insert(connection, schema.event, rows)


def insert_log(connection: sa.Connection, study: int, number: int, record: str) -> None:
    values = {"study": study, "number": number, "record": record}
    connection.execute(sa.insert(schema.log), values)


def _insert(
    connection: sa.Connection, table: sa.Table, rows: Sequence[dict[str, Any]]
) -> None:
    if rows:
        connection.execute(sa.insert(table), rows)


def _delete_trials(
    connection: sa.Connection, study: int, numbers: Sequence[int]
) -> None:
    trial, curve = schema.trial, schema.curve
    for some in reading.in_parts(numbers):
        for table, number in ((trial, trial.c.number), (curve, curve.c.trial)):
            gone = sa.delete(table).where(table.c.study == study, number.in_(some))
            connection.execute(gone)


def _release_weights(
    connection: sa.Connection, study: int, numbers: Sequence[int]
) -> None:
    table = schema.trial
    for some in reading.in_parts(numbers):
        mine = sa.update(table).where(table.c.study == study, table.c.number.in_(some))
        connection.execute(mine.values(weights=""))
