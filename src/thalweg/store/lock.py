"""One writer per run directory.

The operating system holds the lock and drops it when the process ends, however it ends,
so a lock is never stale; the file's text only says who holds it.
"""

import os
import socket
import sys
from contextlib import suppress
from pathlib import Path

from thalweg.core.errors import StoreError
from thalweg.store.faults import explained

if sys.platform == "win32":
    import msvcrt

    def _take(file: int) -> None:
        os.lseek(file, 4096, os.SEEK_SET)  # beyond the text, which others may read
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _take(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


class WriteLock:
    """Held from construction until `release`; a `StoreError` if another holds it."""

    def __init__(self, path: Path):
        with explained(path):
            file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _take(file)
        except OSError:
            os.lseek(file, 0, os.SEEK_SET)
            holder = os.read(file, 200).decode(errors="replace").strip()
            os.close(file)
            raise StoreError(
                f"Only one process may write {path.parent}, and "
                f"{holder or 'another one'} does. "
                "Wait until it ends, or choose another directory."
            ) from None
        text = f"process {os.getpid()} on {socket.gethostname()}\n".encode()
        with suppress(OSError):  # a full disk: the lock itself needs no space
            os.ftruncate(file, 0)
            os.lseek(file, 0, os.SEEK_SET)
            os.write(file, text)
        self._file: int | None = file

    def release(self) -> None:
        """Let others write. The file stays: deleting it could let two in."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
