"""Where an ask/tell study is kept: its events, in their order.

Anything with `append` and `records` is a journal; `StoreJournal` keeps them in a
database, for any number of processes.
"""

import json
from collections.abc import Iterable
from typing import Any, Protocol, runtime_checkable

from thalweg.core.errors import InvalidInput, StoreError
from thalweg.store import Store, StudyRow


class Conflict(StoreError):
    """Another process has added events: read them first, then append anew."""


@runtime_checkable
class Journal(Protocol):
    """What a study's `storage` must be able to do."""

    def append(self, record: dict[str, Any], after: int) -> None:
        """Keeps one JSON-able event, durably, as the one after the first `after`.

        Raises `Conflict`, and keeps nothing, if there are more than `after` events. A
        journal of one process may leave out that check.
        """
        ...

    def records(self, after: int = 0) -> Iterable[dict[str, Any]]:
        """The events after the first `after`, in order."""
        ...


class MemoryJournal:
    """Kept as long as the object: what a study without storage writes to."""

    shared = False  # nobody else writes to it

    def __init__(self) -> None:
        self._records: list[dict[str, Any]] = []

    def append(self, record: dict[str, Any], after: int) -> None:
        """Keeps it."""
        if after != len(self._records):
            raise Conflict(f"There are {len(self._records)} events, not {after}.")
        self._records.append(record)

    def records(self, after: int = 0) -> list[dict[str, Any]]:
        """What was kept."""
        return self._records[after:]


class StoreJournal:
    """The events of one study in a database, numbered without gaps.

    An event is a row whose number must be new, so that of two processes that append at
    the same time one is refused by the database, whichever it is.
    """

    shared = True

    def __init__(self, store: Store):
        self._store = store

    def append(self, record: dict[str, Any], after: int) -> None:
        """One transaction of one row."""
        if not self._store.append(json.dumps(record, allow_nan=False), after=after):
            raise Conflict(
                f"Another process has added to the study in {self._store.place}. "
                "Read its events first."
            )

    def records(self, after: int = 0) -> list[dict[str, Any]]:
        """By the primary key: as quick in long studies as in short ones."""
        return [json.loads(text) for text in self._store.appended(after=after)]


def as_journal(storage: Any, *, name: str, seed: int) -> Journal:
    """The journal at a database URL, or the journal itself."""
    if storage is None:
        return MemoryJournal()
    if isinstance(storage, str):
        return StoreJournal(Store.connect(storage, StudyRow(name=name, seed=seed)))
    if isinstance(storage, Journal):
        return storage
    raise InvalidInput(
        "`storage` must be a database URL such as 'sqlite:///study.db', or an object "
        "with `append(record, after)` and `records(after)`, but got "
        f"{storage!r}."
    )
