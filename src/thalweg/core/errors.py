"""Every error that Thalweg raises on purpose.

    ThalwegError
    ├── InvalidInput (ValueError)   an argument, option or configuration breaks a rule
    │   ├── DataError               … the user's table does
    │   │   └── WrongType (TypeError)   … a cell or container is of a foreign kind
    │   └── UnknownName (KeyError)  … a name is in no registry
    ├── StoreError (OSError)        the run directory can't be read or written
    └── SearchError (RuntimeError)  nothing could be trained

A message is a rule, what was got, and the remedy, in one sentence or two. The command
line prints it without a traceback and exits with status 2.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class ThalwegError(Exception):
    """The root: `except ThalwegError` catches whatever is raised on purpose."""


class InvalidInput(ThalwegError, ValueError):
    """An argument, an option or a configuration breaks a rule."""


class DataError(InvalidInput):
    """The user's table breaks a rule."""


class WrongType(DataError, TypeError):
    """A cell or container that a table can't hold: a list, a sparse matrix."""


class UnknownName(InvalidInput, KeyError):
    """A name that no entry has. A `KeyError` too, so that `in` and `.get` work."""

    __str__ = Exception.__str__  # KeyError would print the repr


class StoreError(ThalwegError, OSError):
    """The run directory can't be read or written."""


class SearchError(ThalwegError, RuntimeError):
    """A search ended with nothing to return."""


def unknown_name(kind: str, name: object, known: Iterable[str]) -> UnknownName:
    """The error for a name that is not among `known`, with the nearest one."""
    known = list(known)
    near = get_close_matches(str(name), known, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    shown = ", ".join(known[:30]) + (", …" if len(known) > 30 else "")
    return UnknownName(f"Unknown {kind} {name!r}.{hint} Known: {shown}.")
