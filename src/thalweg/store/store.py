"""The store: a study's rows in a database, one transaction per round."""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError, IntegrityError

from thalweg.core.errors import InvalidInput, StoreError
from thalweg.store import reading, schema, writing
from thalweg.store.engine import open_engine, tidy, without_password
from thalweg.store.faults import explained
from thalweg.store.frame import to_frame
from thalweg.store.lock import WriteLock
from thalweg.store.rows import CurveRow, EventRow, Round, StudyRow, TrialRow
from thalweg.store.rundir import RunDir

if TYPE_CHECKING:
    import pandas as pd

BEGINNINGS = 8  # attempts to begin a study that several processes begin at once


class Store:
    """Where one study lives. Made by `create`, `open`, `connect` or `memory`.

    A context manager; `close` when done. One process writes, any number read meanwhile.
    After any `StoreError` of `record` nothing of that round is stored, and it can be
    recorded again once the cause is gone.
    """

    def __init__(
        self,
        engine: sa.Engine,
        *,
        name: str | None,
        place: str | Path,
        rundir: RunDir | None = None,
        lock: WriteLock | None = None,
        write: bool = True,
    ):
        self.rundir = rundir
        self.place = place
        self._engine = engine
        self._lock = lock
        self._write = write
        try:
            self._id, self.name = _only_study(engine, name, place)
        except BaseException:
            engine.dispose()
            raise

    @classmethod
    def create(
        cls, path: str | Path, study: StudyRow, *, storage: str | None = None
    ) -> "Store":
        """A new study in the run directory `path`, which must be empty or absent.

        `storage` is a database URL; without it the study is the directory's `study.db`.
        """
        study = writing.named(study)
        rundir = RunDir.create(path)
        lock = WriteLock(rundir.lock)
        try:
            _refuse_second_study(rundir, storage)
            with explained(storage or rundir.path):
                # no password is ever written down; drivers know other ways to get it
                kept = without_password(storage) if storage else ""
                engine = open_engine(storage or _sqlite(rundir.database), write=True)
                rundir.mark(study.name, kept, study.settings)
                with engine.begin() as connection:
                    writing.insert_study(connection, study)
            place = rundir.path
            return cls(engine, name=study.name, place=place, rundir=rundir, lock=lock)
        except BaseException:
            lock.release()
            raise

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        write: bool = False,
        fingerprint: str | None = None,
        storage: str | None = None,
    ) -> "Store":
        """The study of a run directory: to read, or with `write=True` to continue it.

        With a `fingerprint`, a `StoreError` unless it is the study's own. `storage`
        repeats the URL where it needs a password, which is never written down.
        """
        rundir = RunDir.open(path)
        name, url = _where(rundir, storage)
        lock = WriteLock(rundir.lock) if write else None
        try:
            with explained(rundir.path):
                engine = open_engine(url, write=write)
            place = rundir.path
            store = cls(
                engine, name=name, place=place, rundir=rundir, lock=lock, write=write
            )
            if fingerprint not in (None, store.study().fingerprint):
                raise StoreError(
                    "A study is continued with the data and settings that it began "
                    f"with, but {place} holds one of others. Choose another directory."
                )
            if write:
                with store._reading() as connection:
                    rundir.sweep(reading.weights(connection, store._id))
            return store
        except BaseException:
            if lock:
                lock.release()
            raise

    @classmethod
    def connect(cls, url: str, study: StudyRow | None = None) -> "Store":
        """A study in a database without a run directory: no weights, no lock.

        With `study`: the one of that name, created if need be. Without: the only one.
        """
        with explained(url):
            place = without_password(url)
        with explained(place):
            engine = open_engine(url, write=True)
            if study is not None:
                study = writing.named(study)
                _begin(engine, study)
            return cls(engine, name=study.name if study else None, place=place)

    @classmethod
    def memory(cls, study: StudyRow | None = None) -> "Store":
        """A study that lives as long as the object."""
        return cls.connect("sqlite://", study or StudyRow())

    def close(self) -> None:
        """Leave the database; a run directory's file is then complete by itself."""
        self._engine.dispose()
        if self._write:
            tidy(self._engine)
        if self._lock:
            self._lock.release()

    def __enter__(self) -> "Store":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def record(self, round: Round) -> None:
        """Write a round whole, or not at all.

        A trial that an earlier round recorded is replaced, with its curves. Weights
        that the round replaces or releases are deleted once no row names them.
        """
        self._require_weights(round.trials)
        with self._writing() as connection:
            unnamed = writing.insert_round(connection, self._id, round)
        if self.rundir:
            self.rundir.delete_weights(unnamed)

    def log(self, *events: EventRow) -> None:
        """Record events that belong to no round: loading, the final refit …"""
        with self._writing() as connection:
            writing.insert_events(connection, self._id, events)

    def append(self, record: str, *, after: int) -> bool:
        """Write the line that follows the first `after` lines of the study's log.

        False, with nothing written, if another process has written that one. Any number
        of processes may append; a line that was written is never changed.
        """
        self._require_write()
        with explained(self.place):
            try:
                with self._engine.begin() as connection:
                    writing.insert_log(connection, self._id, after, record)
            except IntegrityError:
                return False
        return True

    def appended(self, *, after: int = 0) -> list[str]:
        """The lines of the study's log, but the first `after`."""
        with self._reading() as connection:
            return reading.log(connection, self._id, after=after)

    def update(
        self, *, status: str | None = None, settings: Mapping[str, Any] | None = None
    ) -> None:
        """Change the study's status; add or replace top-level keys of its settings."""
        with self._writing() as connection:
            writing.update_study(connection, self._id, status=status, settings=settings)

    def study(self) -> StudyRow:
        """The study's own row."""
        with self._reading() as connection:
            return reading.study_row(connection, self._id)

    def settings(self) -> dict[str, Any]:
        """The study's settings, with what `update` added."""
        return dict(self.study().settings)

    def trials(self) -> list[TrialRow]:
        """Every recorded trial, by number."""
        with self._reading() as connection:
            return reading.trials(connection, self._id)

    def to_frame(self) -> "pd.DataFrame":
        """The trials as a pandas table; see `store.to_frame`."""
        return to_frame(self.trials())

    def curves(self, trial: int) -> list[CurveRow]:
        """What was reported of each replica of a trial, by replica."""
        with self._reading() as connection:
            return reading.curves(connection, self._id, trial)

    def rounds(self) -> list[Round]:
        """Every round, by number, without its trials; only the last has its state."""
        with self._reading() as connection:
            return reading.rounds(connection, self._id)

    def last_round(self) -> Round | None:
        """The last round with the proposer's state after it; None before the first."""
        with self._reading() as connection:
            return next(iter(reading.rounds(connection, self._id, last=True)), None)

    def events(self, kind: str | None = None) -> list[EventRow]:
        """What took time, in the order it was recorded."""
        with self._reading() as connection:
            return reading.events(connection, self._id, kind)

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with explained(self.place), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        self._require_write()
        with explained(self.place), self._engine.begin() as connection:
            yield connection

    def _require_write(self) -> None:
        if not self._write:
            raise StoreError(
                f"The study in {self.place} was opened to read. "
                "Open it with `write=True`."
            )

    def _require_weights(self, trials: Iterable[TrialRow]) -> None:
        for row in trials:
            folder = self.rundir.weights if self.rundir else None
            if row.weights and not (folder and (folder / row.weights).is_file()):
                raise InvalidInput(
                    "Weights are written before the row that names them, but trial "
                    f"{row.number} names {row.weights!r}, which is not in {folder}. "
                    "Use `rundir.save_weights` first."
                )


def _begin(engine: sa.Engine, study: StudyRow) -> None:
    """The study's own row and the tables, by whichever process is the first."""
    for attempt in range(1, BEGINNINGS + 1):
        try:
            with engine.begin() as connection:
                if not reading.find_studies(connection, study.name):
                    writing.insert_study(connection, study)
            return
        except DatabaseError:  # another is at it
            if attempt == BEGINNINGS:
                raise
            time.sleep(0.05 * attempt)


def _only_study(
    engine: sa.Engine, name: str | None, place: str | Path
) -> tuple[int, str]:
    """Number and name of the study called `name`, or of the only one."""
    with explained(place), engine.connect() as connection:
        found = reading.find_studies(connection, name)
    if len(found) != 1:
        wanted = f"one study named {name}" if name else "one study"
        raise StoreError(
            f"{place} must hold {wanted}, but it holds {len(found) or 'none'}. "
            "Name the study, or start a new one."
        )
    if found[0].schema > schema.SCHEMA:
        raise StoreError(
            f"The study in {place} was written by a newer Thalweg (schema "
            f"{found[0].schema}, this one knows {schema.SCHEMA}). Upgrade Thalweg."
        )
    return found[0].id, found[0].name


def _sqlite(path: Path) -> sa.URL:
    return sa.URL.create("sqlite", database=str(path))


def _where(rundir: RunDir, storage: str | None) -> tuple[str, sa.URL]:
    """The name of the directory's study, and its database."""
    marks = rundir.marks()
    url = storage or marks["storage"]
    if not url and not rundir.database.is_file():
        raise StoreError(
            f"The run in {rundir.path} ended before its study was written. "
            "Start it again."
        )
    with explained(str(url)):
        return marks["study"], sa.make_url(url) if url else _sqlite(rundir.database)


def _refuse_second_study(rundir: RunDir, storage: str | None) -> None:
    """An error unless the study that marked the directory was never written."""
    if not rundir.settings_file.exists():
        return
    if not (storage or rundir.marks()["storage"] or rundir.database.is_file()):
        return
    name, url = _where(rundir, storage)
    engine = open_engine(url, write=False)
    try:
        with explained(rundir.path), engine.connect() as connection:
            found = reading.find_studies(connection, name)
            if not found:
                return
            begun = reading.study_row(connection, found[0].id).created
            trials = len(reading.trials(connection, found[0].id))
    finally:
        engine.dispose()
    raise StoreError(
        f"{rundir.path} already holds a study (begun {begun}, {trials} trials). "
        "Continue it with `thalweg resume`, or choose another directory."
    )
