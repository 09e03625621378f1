"""The rows of a study: what the search writes and what reports read.

Plain frozen records of plain values; the store neither builds networks nor knows what a
configuration means. A number that does not exist is NaN, an absent text is empty.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

NAN = float("nan")

# complete    trained to the end of its budget
# stopped     ended early by its own stopping rule or by the proposer
# cut         ended by the study's clock
# diverged    its loss became NaN or infinite
# infeasible  not trained: it did not fit in memory or broke a constraint
# failed      an error that is the program's, not the configuration's
STATUSES = ("complete", "stopped", "cut", "diverged", "infeasible", "failed")


@dataclass(frozen=True, kw_only=True)
class StudyRow:
    """One study: what was searched, on what, with which settings.

    `fingerprint` identifies data, target, space and settings: a run directory is only
    continued by a study whose fingerprint is the same. `settings` is any JSON value;
    reports read some of its keys (see `report.collect`).
    """

    version: str = ""  # of the program that created it
    seed: int = 0
    fingerprint: str = ""
    space: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    status: str = "running"
    name: str = ""  # unique in its database; drawn when empty
    created: str = ""  # UTC, ISO 8601; now when empty


@dataclass(frozen=True, kw_only=True)
class TrialRow:
    """One trained configuration, all of its replicas (folds, seeds) taken together."""

    number: int  # 0, 1, … in the order of proposal
    config: Mapping[str, Any]
    status: str = "complete"  # one of STATUSES
    round: int = -1  # set by `Store.record`
    score: float = NAN  # the study's metric, in its own direction
    score_error: float = NAN  # one standard error of `score`
    loss: float = NAN  # what the proposer minimises
    metrics: Mapping[str, float] = field(default_factory=dict)
    budget: float = 1.0  # fraction of the full training
    steps: int = 0
    parent: int = -1  # the trial whose weights were resumed; -1: none
    seed: int = 0
    signature: str = ""  # which compiled program trained it
    parameters: int = 0  # of one network
    compile_seconds: float = 0.0
    train_seconds: float = 0.0
    started: float = NAN  # seconds since the study began
    finished: float = NAN
    reason: str = ""  # why it ended, when that needs words
    weights: str = ""  # file name in the run directory; empty: not kept


@dataclass(frozen=True, kw_only=True)
class CurveRow:
    """What was reported of one replica of a trial while it trained.

    Every metric has one value per entry of `steps`; NaN where it was not measured.
    """

    trial: int
    steps: Sequence[float] | np.ndarray
    metrics: Mapping[str, Sequence[float] | np.ndarray]
    replica: int = 0


@dataclass(frozen=True, kw_only=True)
class EventRow:
    """Something that took time: `kind` is compile, train, propose, evaluate, store …"""

    kind: str
    seconds: float  # how long it took
    at: float = NAN  # when it ended, in seconds since the study began
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Round:
    """All that one round of a study leaves behind, recorded in one transaction.

    `state` is the proposer's state after the round was told to it (`store.pack`).
    `released` names trials whose weights are no longer needed; their files are deleted
    after the transaction.
    """

    number: int
    trials: Sequence[TrialRow] = ()
    curves: Sequence[CurveRow] = ()
    events: Sequence[EventRow] = ()
    state: bytes = b""
    seconds: float = 0.0
    counters: Mapping[str, Any] = field(default_factory=dict)
    released: Sequence[int] = ()
