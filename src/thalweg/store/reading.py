"""What is asked of a study's tables; `study` is its number in the database."""

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from thalweg.store import schema
from thalweg.store.mapping import STUDY_FIELDS, TRIAL_FIELDS, curve_row
from thalweg.store.rows import CurveRow, EventRow, Round, StudyRow, TrialRow

_MANY = 5000  # values in one IN (...); databases allow some ten thousand


def find_studies(connection: sa.Connection, name: str | None) -> Sequence[Any]:
    """Rows (id, name, schema) of the studies of that name, or of all."""
    table = schema.study
    if not sa.inspect(connection).has_table(table.name):
        return []
    query = sa.select(table.c.id, table.c.name, table.c.schema)
    if name is not None:
        query = query.where(table.c.name == name)
    return connection.execute(query).all()


def study_row(connection: sa.Connection, study: int) -> StudyRow:
    table = schema.study
    row = connection.execute(sa.select(table).where(table.c.id == study)).one()
    return StudyRow(**{name: getattr(row, name) for name in STUDY_FIELDS})


def trials(connection: sa.Connection, study: int) -> list[TrialRow]:
    table = schema.trial
    columns = [table.c[name] for name in TRIAL_FIELDS]
    query = _of(study, table, sa.select(*columns)).order_by(table.c.number)
    rows = connection.execute(query)
    return [TrialRow(**dict(zip(TRIAL_FIELDS, row, strict=True))) for row in rows]


def curves(connection: sa.Connection, study: int, trial: int) -> list[CurveRow]:
    table = schema.curve
    query = _of(study, table).where(table.c.trial == trial).order_by(table.c.replica)
    return [curve_row(row) for row in connection.execute(query)]


def rounds(connection: sa.Connection, study: int, *, last: bool = False) -> list[Round]:
    table = schema.round_
    order = table.c.number.desc() if last else table.c.number
    query = _of(study, table).order_by(order).limit(1 if last else None)
    return [
        Round(
            number=row.number,
            state=row.state or b"",
            seconds=row.seconds,
            counters=row.counters,
        )
        for row in connection.execute(query)
    ]


def events(connection: sa.Connection, study: int, kind: str | None) -> list[EventRow]:
    table = schema.event
    query = _of(study, table).order_by(table.c.id)
    if kind is not None:
        query = query.where(table.c.kind == kind)
    return [
        EventRow(kind=row.kind, seconds=row.seconds, at=row.at, data=row.data)
        for row in connection.execute(query)
    ]


def log(connection: sa.Connection, study: int, *, after: int) -> list[str]:
    table = schema.log
    query = _of(study, table, sa.select(table.c.record))
    query = query.where(table.c.number >= after).order_by(table.c.number)
    return list(connection.execute(query).scalars())


def weights(
    connection: sa.Connection, study: int, numbers: Sequence[int] | None = None
) -> set[str]:
    """The weight files that these trials, or all, name."""
    table = schema.trial
    query = _of(study, table, sa.select(table.c.weights)).where(table.c.weights != "")
    if numbers is None:
        return set(connection.execute(query).scalars())
    names: set[str] = set()
    for some in in_parts(numbers):
        named = connection.execute(query.where(table.c.number.in_(some)))
        names.update(named.scalars())
    return names


def in_parts(numbers: Sequence[int]) -> Iterator[list[int]]:
    """`numbers` in lists short enough for `IN (...)`."""
    for start in range(0, len(numbers), _MANY):
        yield [int(number) for number in numbers[start : start + _MANY]]


def _of(
    study: int, table: sa.Table, query: sa.Select[Any] | None = None
) -> sa.Select[Any]:
    query = sa.select(table) if query is None else query
    return query.where(table.c.study == study)
