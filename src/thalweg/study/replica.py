"""A ledger kept equal to a journal that others may write to.

An event is made from the ledger, appended on the condition that the journal holds no
others, and applied. If it does hold others, those are read and the event made anew.
"""

import threading
from collections.abc import Callable
from typing import Any

from thalweg.core.errors import StoreError
from thalweg.study.journal import Conflict, Journal
from thalweg.study.ledger import Event, Ledger


class Replica:
    """One process's copy of a study; for any number of its threads."""

    def __init__(self, journal: Journal, fresh: Callable[[], Ledger]):
        self._journal = journal
        self._fresh = fresh
        self._lock = threading.RLock()
        self._ledger, self._whole = fresh(), True

    def begin(self, head: Event) -> bool:
        """Begins the journal, or goes through what it holds. Whether it was empty."""
        while not (events := list(self._journal.records())):
            try:
                self._journal.append(head, 0)
            except Conflict:  # somebody else has begun it
                continue
            self._apply(head)
            return True
        for name in list(head)[1:]:
            if events[0].get(name) != head[name]:
                raise StoreError(
                    f"The storage holds a study with another {name}: "
                    f"{events[0].get(name)!r}, but got {head[name]!r}. Use the same, "
                    "or a new storage."
                )
        for event in events:
            self._apply(event)
        return False

    def ledger(self) -> Ledger:
        """What is known here; made anew if Ctrl-C has hit while it changed."""
        with self._lock:
            if not self._whole:
                self._ledger = self._fresh()
                for event in self._journal.records():
                    self._ledger.apply(event)
                self._whole = True
            return self._ledger

    def refresh(self) -> None:
        """Applies what others have added."""
        with self._lock:
            for event in self._journal.records(self.ledger().count):
                self._apply(event)

    def commit(self, make: Callable[[Ledger], Event | None], *, current: bool) -> Any:
        """What applying `make(ledger)` gives; None where it makes no event.

        With `current`, what others have added is read before.
        """
        with self._lock:
            if current and self.shared:
                self.refresh()
            while (event := make(self.ledger())) is not None:
                try:
                    self._journal.append(event, self._ledger.count)
                except Conflict:
                    self.refresh()
                else:
                    return self._apply(event)
        return None

    @property
    def shared(self) -> bool:
        """Whether others may write to the journal."""
        return getattr(self._journal, "shared", False)

    def _apply(self, event: Event) -> Any:
        self._whole = False
        found = self._ledger.apply(event)
        self._whole = True
        return found
