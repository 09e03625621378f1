"""How notes and errors of this room list names and suggest the nearest one."""

import difflib
from collections.abc import Iterable, Sequence


def listed(names: Sequence[object], limit: int = 6, *, quoted: bool = True) -> str:
    """`'a', 'b', 'c'`, cut short when there are many."""
    shown = [repr(str(n)) if quoted else str(n) for n in names[:limit]]
    more = f" and {len(names) - limit:,} more" if len(names) > limit else ""
    return ", ".join(shown) + more


def columns(count: int) -> str:
    """`1 column` or `12 columns`."""
    return f"{count:,} column{'' if count == 1 else 's'}"


def rows(count: int) -> str:
    """`1 row` or `1,200 rows`."""
    return f"{count:,} row{'' if count == 1 else 's'}"


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """` Did you mean 'price'?`, or nothing if no known name is near."""
    known = list(known)
    lower = {k.lower(): k for k in reversed(known)}
    near = difflib.get_close_matches(str(name).lower(), list(lower), n=1, cutoff=0.5)
    return f" Did you mean {lower[near[0]]!r}?" if near else ""
