"""What the operating system or the database says, as one sentence with a remedy."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import Error as SQLiteError

from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    IntegrityError,
    NoSuchModuleError,
    StatementError,
)

from thalweg.core.errors import InvalidInput, StoreError, ThalwegError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}
_NOT_A_FOLDER = {errno.ENOTDIR, errno.EEXIST, errno.EISDIR}


@contextmanager
def explained(place: str | Path) -> Iterator[None]:
    """Errors of disk and database inside the block become `StoreError`s."""
    try:
        yield
    except ThalwegError:
        raise
    except OSError as error:
        raise StoreError(_of_disk(error, place)) from error
    except (DBAPIError, SQLiteError) as error:
        raise StoreError(_of_database(error, place)) from error
    except StatementError as error:  # a value that no column takes
        cause = error.orig or error
        if isinstance(cause, ThalwegError):
            raise cause from None
        raise InvalidInput(
            f"A row must hold values as declared in `store.rows`, but got: {cause}."
        ) from error
    except (ImportError, NoSuchModuleError) as error:
        raise StoreError(
            f"The database {place} needs a driver that is not installed ({error}). "
            "Install it, for PostgreSQL by `pip install psycopg[binary]`."
        ) from error
    except ArgumentError as error:
        raise StoreError(
            f"A storage must be a database URL, but got {place}. "
            "Write it as `sqlite:///study.db` or `postgresql://user@host/database`."
        ) from error


def _of_disk(error: OSError, place: str | Path) -> str:
    if error.errno in _FULL:
        return _full(place)
    if error.errno in _DENIED:
        return _read_only(place, error.strerror or "permission denied")
    if error.errno in _NOT_A_FOLDER:
        return (
            f"A run directory must be a directory, but {place} is, or lies below, a "
            "file. Choose another directory."
        )
    if error.errno == errno.ENOENT:
        return f"{error.filename or place} does not exist. Check the name."
    return (
        f"{place} can't be used: {error}. Check the disk or choose another directory."
    )


def _of_database(error: Exception, place: str | Path) -> str:
    said = str(getattr(error, "orig", error)).strip()
    if "disk is full" in said:
        return _full(place)
    if "disk I/O error" in said:  # what SQLite says of a quota, too
        return _full(place, "or failing")
    if "readonly" in said or "read-only" in said or "unable to open" in said:
        return _read_only(place, said)
    if "locked" in said:
        return (
            f"Another program keeps the study in {place} locked. "
            "Close it and try again."
        )
    if "malformed" in said or "not a database" in said or "encrypted" in said:
        return (
            f"The study in {place} is damaged ({said}). "
            "Restore a copy of it, or start again in a new directory."
        )
    if isinstance(error, IntegrityError):
        return (
            f"The study in {place} already has these rows, so another program is "
            "recording it too. Let only one of them run."
        )
    first = said.splitlines()[0] if said else type(error).__name__
    return f"The study in {place} can't be used: {first}. Check the storage."


def _full(place: str | Path, more: str = "or its quota is used up") -> str:
    return (
        f"{place} can't be written because the disk is full, {more}. Free some space "
        "and run it again; what was recorded is safe."
    )


def _read_only(place: str | Path, said: str) -> str:
    return (
        f"{place} can't be written ({said}). Choose a directory that you may write to."
    )
