"""All that a report says, in one frozen record of plain values.

Pages, tables and JSON are made from it alone, so that anything that can fill it, a run
directory or a study in memory, has a report.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from thalweg.store import CurveRow

NAN = float("nan")


@dataclass(frozen=True, kw_only=True)
class ReportData:
    """Only `trials` is required; what is missing is left out of the report."""

    trials: "pd.DataFrame"
    """One row per trial with the columns of `store.to_frame`."""

    metric: str = "score"
    """The name of the score."""

    maximize: bool = True
    """Whether a higher score is better."""

    title: str = ""
    """Of the page; by default made from `target`."""

    status: str = ""
    """Of the study: running, finished, interrupted …"""

    task: str = ""
    """`classification`, `regression` …"""

    target: str = ""
    """The name of the predicted column."""

    curves: "Sequence[CurveRow]" = ()
    """Of the leader and of a few of the best."""

    leader: Mapping[str, Any] = field(default_factory=dict)
    """`trial`, `config`, `score`, `score_error`, `layers` as (name, shape, parameters),
    `ensemble` as (trial, weight), `returned` ("network", "ensemble" or "baseline");
    of a classifier `confusion` (`labels`, and `counts` by true and answered class) and
    of images `mistakes` (`image` as a data address, `truth`, `called`, `chance`)."""

    baseline: Mapping[str, Any] = field(default_factory=dict)
    """`name`, `score`, `score_error`; `others`, a list of the same."""

    evaluation: Mapping[str, Any] = field(default_factory=dict)
    """`scheme` ("cross-validation" or "hold-out"), `folds`, `repeats`, `rows`,
    `validation_rows`, `note`."""

    time: Mapping[str, float] = field(default_factory=dict)
    """Seconds by kind: compile, train, propose, evaluate, store …"""

    seconds: float = NAN
    """From the beginning of the study to its end."""

    time_limit: float = NAN
    """Seconds that were allowed."""

    summary: Mapping[str, Any] = field(default_factory=dict)
    """Of the data: `rows`; `columns` by kind; `missing`, a share or shares by column;
    `target` with `counts` by class, or `edges` and `counts`; `notes`. Further keys are
    shown as they are."""

    proposer: str = ""
    """The search algorithm."""

    seed: int | None = None
    command: str = ""
    """What reproduces the study."""

    environment: Mapping[str, Any] = field(default_factory=dict)
    """Versions and machine."""

    created: str = ""
    """When the study began."""
