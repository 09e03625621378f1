"""Where an ask/tell study is kept: its events, in their order.

Anything with `append` and `records` is a journal; `StoreJournal` keeps them in a
database.
"""

from collections.abc import Iterable
from typing import Any, Protocol, runtime_checkable

from thalweg.core.errors import InvalidInput
from thalweg.store import EventRow, Store, StudyRow


@runtime_checkable
class Journal(Protocol):
    """What a study's `storage` must be able to do."""

    def append(self, record: dict[str, Any]) -> None:
        """Keeps one JSON-able event, durably, after those before."""
        ...

    def records(self) -> Iterable[dict[str, Any]]:
        """All events, in order."""
        ...


class StoreJournal:
    """The events of one study in a database.

    An event is refused, with a StoreError, if another process has added one since this
    journal read or wrote the last.
    """

    def __init__(self, store: Store):
        self._store = store
        self._count = 0  # events known here

    def append(self, record: dict[str, Any]) -> None:
        event = EventRow(kind=record["event"], seconds=0.0, data=record)
        self._store.log(event, after=self._count)
        self._count += 1

    def records(self) -> list[dict[str, Any]]:
        found = [dict(event.data) for event in self._store.events()]
        self._count = len(found)
        return found


def as_journal(storage: Any, *, name: str, seed: int) -> Journal | None:
    """The journal at a database URL, or the journal itself."""
    if isinstance(storage, str):
        return StoreJournal(Store.connect(storage, StudyRow(name=name, seed=seed)))
    if storage is None or isinstance(storage, Journal):
        return storage
    raise InvalidInput(
        "`storage` must be a database URL such as 'sqlite:///study.db', or an object "
        f"with `append(record)` and `records()`, but got {storage!r}."
    )
