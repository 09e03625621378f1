"""How a database is opened: any by URL, SQLite with settings of its own.

SQLite writes ahead (WAL) and waits for the disk at each commit (`synchronous=FULL`): a
power cut loses at most the transaction that was running, and readers never wait for
the writer. Where a file system can't (some network ones), SQLite keeps its older
journal, as safe and slower. A study that is closed is one plain file again.
"""

import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.pool import NullPool, StaticPool

BUSY_SECONDS = 30.0  # how long SQLite waits for another connection's lock


def open_engine(url: str | sa.URL, *, write: bool) -> sa.Engine:
    """An engine whose transactions are real ones, on SQLite too."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return sa.create_engine(parsed, pool_pre_ping=True)
    if parsed.database in (None, "", ":memory:"):
        engine = sa.create_engine(
            "sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False}
        )
        event.listen(engine, "connect", _manual_transactions)
    elif write:
        engine = sa.create_engine(parsed, connect_args={"timeout": BUSY_SECONDS})
        event.listen(engine, "connect", _durable)
    else:
        path = Path(str(parsed.database)).absolute()
        engine = sa.create_engine(
            "sqlite://", creator=lambda: _read_only(path), poolclass=NullPool
        )
    event.listen(engine, "begin", _begin)
    return engine


def without_password(url: str | sa.URL) -> str:
    """The URL as it may be shown and written down."""
    parsed = sa.make_url(url)
    secret = [key for key in parsed.query if "pass" in key.lower()]
    shown = sa.URL.create(
        parsed.drivername,
        username=parsed.username,
        host=parsed.host,
        port=parsed.port,
        database=parsed.database,
        query=parsed.difference_update_query(secret).query,
    )
    return shown.render_as_string()


def tidy(engine: sa.Engine) -> None:
    """Fold SQLite's write-ahead log into the file, if nobody else is reading."""
    path = engine.url.database
    if engine.dialect.name != "sqlite" or not path or not Path(path).is_file():
        return
    with suppress(sqlite3.Error):
        connection = sqlite3.connect(path, timeout=0, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode=DELETE")
        finally:
            connection.close()


def _begin(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _manual_transactions(connection: Any, record: Any) -> None:
    # Python's sqlite3 would begin transactions late and never around CREATE TABLE
    del record
    connection.isolation_level = None


def _durable(connection: Any, record: Any) -> None:
    _manual_transactions(connection, record)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")


def _read_only(path: Path) -> sqlite3.Connection:
    """A connection that can't change the file; works on read-only media too."""
    place = f"file:{quote(str(path))}?mode=ro"
    connection = _connect(place)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:
        connection.close()
        if path.with_name(f"{path.name}-wal").exists():
            raise
        connection = _connect(f"{place}&immutable=1")  # no log, so nobody writes
    return connection


def _connect(place: str) -> sqlite3.Connection:
    return sqlite3.connect(
        place,
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
