"""A study's log of events, and the state that follows from it.

    study    what is searched, by which proposer: the first event
    ask      rows given out, with the numbers of their trials, to a worker
    tell     values of rows, given out before or not
    report   values of a trial at a step
    enqueue  rows to give out next
    claim    a worker takes over what another was given

The state is a function of the events alone: whoever applies the same ones has the same
state, bit by bit, in whatever process. Nothing here computes proposals, reads a clock
or touches a disk.
"""

import math
from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from thalweg.core.typing import Config, Key
from thalweg.proposers import AbstractProposer, Outcome, Proposal
from thalweg.spaces import Space, row_keys
from thalweg.study.goals import Goals
from thalweg.study.incumbent import key_of
from thalweg.study.reports import Reports
from thalweg.study.trial import Trial

Event = dict[str, Any]
Place = tuple[int, float]  # a trial and the budget it is asked to reach


@dataclass(frozen=True)
class Asked:
    """A row that was given out and not told yet."""

    trial: int
    parent: int
    budget: float
    config: Config
    worker: str
    at: float  # when last heard of, in seconds since 1970


class Ledger:
    """The state after `count` events. `apply` is the only way to change it."""

    def __init__(
        self, space: Space, proposer: AbstractProposer[Any], goals: Goals, *, key: Key
    ):
        self.space, self.proposer, self.goals = space, proposer, goals
        self.state = proposer.init(space, key=key)
        self.count = 0
        self.asks = 0
        self.next = 0  # trial number
        self.pending: dict[Place, Asked] = {}
        self.queue: deque[Config] = deque()
        self.trials: list[Trial] = []
        self.leader: Trial | None = None  # the lowest loss
        self.told: set[Place] = set()  # of what was asked for
        self.reports = Reports(goals)
        self._rows: dict[int, bytes] = {}  # of each trial
        self._keys: dict[int, Hashable] = {}  # of each trial's configuration
        self._waiting: dict[Hashable, list[Place]] = {}  # pending ones by those keys

    def apply(self, event: Event) -> Any:
        """Goes one event on. An ask gives what was asked, a tell the trials."""
        found = getattr(self, f"_{event['event']}")(event)
        self.count += 1
        return found

    def numbers(
        self, x: Float64[np.ndarray, "n d"], parent: Int64[np.ndarray, " n"]
    ) -> Int64[np.ndarray, " n"]:
        """The trials of proposals: resumed exactly where a row is its parent's."""
        new = [
            number < 0 or self._rows.get(number) != row
            for number, row in zip(parent.tolist(), row_keys(x), strict=True)
        ]
        fresh = np.cumsum(new, dtype=np.int64) - 1 + self.next
        return np.where(new, fresh, parent)

    def row(self, trial: int) -> bytes | None:
        """The row of a trial that was asked for or told."""
        return self._rows.get(trial)

    def key(self, trial: int) -> Hashable:
        """`key_of` the configuration of such a trial; None if there is none."""
        return self._keys.get(trial)

    def expecting(self, queued: Float64[np.ndarray, "n d"]) -> Any:
        """The proposer's state once it knows of enqueued rows; rungs take none."""
        if self.proposer.multi_fidelity or not len(queued):
            return self.state
        return self.proposer.expect(self.state, Proposal.fresh(queued))

    def waiting(self, key: Hashable, taken: set[Place]) -> Place | None:
        """The first pending place of a configuration, none of `taken`."""
        places = self._waiting.get(key, ())
        return next((place for place in places if place not in taken), None)

    def _study(self, event: Event) -> None:
        """The first event: its contents are checked where the log is opened."""

    def _ask(self, event: Event) -> list[Asked]:
        count = len(event["trial"])
        x = np.array(event["x"], np.float64).reshape(count, self.space.dim)
        parent = np.array(event["parent"], np.int64)
        budget = np.array(event["budget"], np.float64)
        queued = [self.queue.popleft() for _ in range(event.get("queued", 0))]
        first = len(queued)
        self.state = self.expecting(x[:first])
        if count > first:
            rest = [part[first:] for part in (x, parent, budget)]
            self.state = self.proposer.expect(self.state, Proposal(*rest))
        self.asks += 1
        configs = queued + self.space.decode(x[first:])
        found = []
        for i, (config, row) in enumerate(zip(configs, row_keys(x), strict=True)):
            asked = Asked(
                trial=int(event["trial"][i]),
                parent=int(parent[i]),
                budget=float(budget[i]),
                config=config,
                worker=event.get("worker", ""),
                at=event.get("at", math.nan),
            )
            place = (asked.trial, asked.budget)
            self.pending[place] = asked
            self._enter(asked.trial, row, config)
            self._waiting.setdefault(self._keys[asked.trial], []).append(place)
            found.append(asked)
        return found

    def _tell(self, event: Event) -> list[Trial]:
        found = [self._trial(event, i) for i in range(len(event["trial"]))]
        bounds = np.array([self.goals.bounds(t.values) for t in found], np.float64)
        rows = [np.frombuffer(self._rows[t.number]) for t in found]
        self.state = self.proposer.tell(
            self.state,
            Outcome(
                np.array(rows).reshape(len(found), self.space.dim),
                np.array([t.number for t in found], np.int64),
                np.array([t.parent for t in found], np.int64),
                np.array([t.budget for t in found], np.float64),
                np.array([t.losses for t in found], np.float64),
                np.array([t.seconds for t in found], np.float64),
                bounds if self.goals.constraints else None,
            ),
        )
        self.trials += found
        before = [] if self.leader is None else [self.leader]
        fine = [t for t in found if t.status in ("complete", "stopped")]
        self.leader = min(before + fine, key=_rank, default=None)
        return found

    def _trial(self, event: Event, i: int) -> Trial:
        """The i-th of those told, which is pending no more."""
        number, budget = int(event["trial"][i]), float(event["budget"][i])
        asked = self._leave((number, budget))
        if asked is None:  # a stranger
            config = self.space.validate(event["config"][i])
            self._enter(number, self.space.encode([config])[0].tobytes(), config)
        else:
            config = asked.config
        told = event["values"][i].items()
        values = {name: math.nan if v is None else v for name, v in told}
        losses, seconds = self.goals.losses(values), event["seconds"][i]
        return Trial(
            number,
            config,
            losses[0],
            budget=budget,
            parent=-1 if asked is None else asked.parent,
            seconds=math.nan if seconds is None else seconds,
            status=event["status"][i],
            error=event["error"][i],
            values=values,
            losses=losses,
            asked=math.nan if asked is None else asked.at,
            told=event.get("at", math.nan),
        )

    def _report(self, event: Event) -> None:
        values = {k: math.nan if v is None else v for k, v in event["values"].items()}
        self.reports.add(event["trial"], event["step"], values)
        place = (int(event["trial"]), float(event["budget"]))
        if place in self.pending:  # a sign of life
            self.pending[place] = replace(self.pending[place], at=event["at"])

    def _enqueue(self, event: Event) -> None:
        self.queue += [self.space.validate(config) for config in event["configs"]]

    def _claim(self, event: Event) -> list[Asked]:
        """The worker owns these now; places that were told meanwhile are passed by."""
        found = []
        for trial, budget in event["places"]:
            place = (int(trial), float(budget))
            if place in self.pending:
                self.pending[place] = replace(
                    self.pending[place], worker=event["worker"], at=event["at"]
                )
                found.append(self.pending[place])
        return found

    def _enter(self, trial: int, row: bytes, config: Config) -> None:
        """The trial exists."""
        self._rows[trial] = row
        self._keys[trial] = key_of(config)
        self.next = max(self.next, trial + 1)

    def _leave(self, place: Place) -> Asked | None:
        """The place is pending no more."""
        asked = self.pending.pop(place, None)
        if asked is not None:
            self.told.add(place)
            places = self._waiting[key := key_of(asked.config)]
            places.remove(place)
            if not places:
                del self._waiting[key]
        return asked


def _rank(trial: Trial) -> tuple[float, bool, float]:
    """Smaller is better: trained longest, to its end, and then by the first loss."""
    return -trial.budget, trial.status == "stopped", trial.loss
