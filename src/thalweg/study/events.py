"""What is written into a study's log: plain JSON, made from all that it holds."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from thalweg.core.errors import InvalidInput
from thalweg.core.typing import Config, Key
from thalweg.study.ledger import Asked, Event, Ledger, Place, key_of
from thalweg.study.trial import Suggestion


class Told(NamedTuple):
    """An evaluation that is to be recorded."""

    given: Config  # as it came
    config: Config  # as the space has it
    values: Mapping[str, float]
    seconds: float = math.nan
    error: str = ""


def asking(ledger: Ledger, n: int, *, key: Key, worker: str) -> Event:
    """Gives out `n` rows, or as many as there are: what is queued, then proposals."""
    first = ledger.space.encode(list(ledger.queue)[:n])
    x, parent, budget = first, np.full(len(first), -1), np.ones(len(first))
    if len(first) < n:
        state = ledger.expecting(first)
        more = ledger.proposer.propose(state, n - len(first), key=key)
        x = np.concatenate([x, more.x])
        parent = np.append(parent, more.parent)
        budget = np.append(budget, more.budget)
    return {
        "event": "ask",
        "x": x.tolist(),
        "trial": ledger.numbers(x, parent).tolist(),
        "parent": parent.tolist(),
        "budget": budget.tolist(),
        "queued": len(first),
        "worker": worker,
        "at": time.time(),
    }


def telling(ledger: Ledger, told: Sequence[Told], *, drop: bool) -> Event | None:
    """Records evaluations. One that was told before is an error, or dropped."""
    taken: set[Place] = set()
    entries = []
    for one in told:
        place, new = _place(ledger, one, taken), ledger.next
        asked = None if place is None else ledger.pending.get(place)
        if place is not None and asked is None:
            if drop:
                continue
            raise InvalidInput(
                f"Trial {place[0]} was told already. To tell another evaluation of "
                "its configuration, tell a plain `dict(config)`."
            )
        if place is None:
            strangers = [number for number, _ in taken if number >= new]
            place = (max(strangers, default=new - 1) + 1, 1.0)
        taken.add(place)
        entries.append(
            {
                "trial": place[0],
                "budget": place[1],
                "config": None if asked else one.config,  # known, if it was asked for
                "values": {name: _plain(value) for name, value in one.values.items()},
                "seconds": _plain(one.seconds),
                "status": _status(ledger, one),
                "error": one.error,
            }
        )
    if not entries:
        return None
    columns = {name: [entry[name] for entry in entries] for name in entries[0]}
    return {"event": "tell", "at": time.time(), **columns}


def reporting(
    ledger: Ledger, one: Suggestion, values: Mapping[str, float], step: float
) -> Event:
    """What a trial measured at a step."""
    ledger.reports.check(one.trial, step)
    return {
        "event": "report",
        "trial": one.trial,
        "budget": one.budget,
        "step": float(step),
        "values": {str(name): _plain(float(v)) for name, v in values.items()},
        "at": time.time(),
    }


def claiming(
    ledger: Ledger, wanted: Callable[[Asked], bool], *, worker: str
) -> Event | None:
    """Takes over the pending ones that are wanted."""
    places = [list(place) for place, asked in ledger.pending.items() if wanted(asked)]
    if not places:
        return None
    return {"event": "claim", "places": places, "worker": worker, "at": time.time()}


def _place(ledger: Ledger, one: Told, taken: set[Place]) -> Place | None:
    """Which suggestion this is: by its trial, else by its values; or None."""
    given, key = one.given, key_of(one.config)
    if isinstance(given, Suggestion) and ledger.key(given.trial) == key:
        place = (given.trial, given.budget)
        if place in ledger.pending or place in ledger.told:
            return place
    return ledger.waiting(key, taken)


def _status(ledger: Ledger, one: Told) -> str:
    status = "failed" if one.error else ledger.goals.status(one.values)
    stopped = isinstance(one.given, Suggestion) and one.given.stopped
    return "stopped" if stopped and status == "complete" else status


def _plain(value: float) -> float | None:
    """As JSON has it."""
    return float(value) if math.isfinite(value) else None
