"""Who works on a study: a name for each study object, and whether it is still there.

A name holds the machine, the process, when the process began (numbers of processes are
used again) and a number of the object within it.
"""

import itertools
import os
import socket
from pathlib import Path

_numbers = itertools.count()
_busy: set[str] = set()  # workers of this process that are within `optimize`


def new_worker() -> str:
    """A name that no other study object has."""
    return f"{_process()}/{next(_numbers)}"


def begin(worker: str) -> None:
    """The worker evaluates what it was given, until `end`."""
    _busy.add(worker)


def end(worker: str) -> None:
    """The worker evaluates nothing now."""
    _busy.discard(worker)


def gone(worker: str) -> bool:
    """Whether nobody evaluates what was given to this worker, as far as can be told.

    True where its process has ended, or is this one and not within `optimize`. Never
    where the worker is on another machine.
    """
    if not worker:
        return True  # from a log without names
    process, _, _ = worker.rpartition("/")
    if process == _process():
        return worker not in _busy
    host, number, began = process.rsplit("/", 2)
    return host == _host() and _began(int(number)) != began


def _process() -> str:
    return f"{_host()}/{os.getpid()}/{_began(os.getpid())}"


def _host() -> str:
    return socket.gethostname() or "localhost"


def _began(process: int) -> str | None:
    """When a process began, in the system's own units; None if there is none."""
    try:
        # the second field, a name in parentheses, may hold anything
        stat = Path(f"/proc/{process}/stat").read_text()
        fields = stat.rpartition(")")[2].split()
        return None if fields[0] in "ZX" else fields[19]
    except (OSError, IndexError):
        pass
    if Path("/proc/self/stat").exists():
        return None
    return "" if _exists(process) else None


def _exists(process: int) -> bool:
    """On systems without /proc."""
    if os.name != "posix":
        return True  # signal 0 would end it on Windows: `requeue` is then needed
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
