"""The schema of a table: what each column is, found once and kept with the model."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from thalweg.core.errors import DataError
from thalweg.data import values, wording
from thalweg.data.column import (
    HUGE,
    Column,
    Finding,
    dropped,
    infer_column,
    is_index,
    may_be_index,
)
from thalweg.data.frames import as_frame, column_of, is_named

if TYPE_CHECKING:
    import pandas as pd

_CELLS = 1 << 23  # of a block of columns that is looked at together

_DROPPED = {
    "constant": "with the same value in every row",
    "no value": "without any value",
    "row number": "that only number the rows",
    "all different": "of text that is different in every row (identifiers)",
    "nearly all different": "of text that is different in nearly every row",
}
_STATED = {
    "text": "Text in a column of numbers counts as missing: {}.",
    "infinite": "Infinite numbers count as missing: {}.",
    "huge": "Numbers beyond ±1e30 are clipped to the largest ordinary ones: {}.",
    "ambiguous date": "Day and month can't be told apart; they were read as shown: {}.",
}


@dataclass(frozen=True)
class Schema:
    """What every column of the training table is; columns are found by name later."""

    columns: tuple[Column, ...]  # all of the table, in its order, the dropped ones too
    named: bool = True  # False: from an array, so that columns are found by position
    notes: tuple[str, ...] = ()

    @property
    def used(self) -> tuple[Column, ...]:
        """The columns that a prediction needs."""
        return tuple(c for c in self.columns if c.kind != "dropped")

    def of_kind(self, *kinds: str) -> tuple[Column, ...]:
        """The columns of these kinds, in the table's order."""
        return tuple(c for c in self.columns if c.kind in kinds)

    @staticmethod
    def infer(
        X: Any, *, categorical: Iterable[str] = (), named: bool | None = None
    ) -> "Schema":
        """The schema of a table; `categorical` names columns whose numbers are codes.

        `named` says whether columns are to be found by name later (`None`: if `X` has
        any). Raises `DataError` for cells that no table can hold and where no column is
        of use.
        """
        named = is_named(X) if named is None else named
        frame = as_frame(X)
        declared = _declared(categorical, list(frame.columns))
        findings = _findings(frame, declared)
        schema = Schema(
            tuple(finding.column for finding in findings),
            named,
            tuple(_notes(findings)),
        )
        if not schema.used:
            raise DataError(
                f"A table needs a column that varies, but of its {len(findings):,} "
                f"none does. {' '.join(schema.notes)} Look for the delimiter or the "
                "file."
            )
        return schema

    def align(
        self, X: Any, *, owner: str = "the model"
    ) -> tuple["pd.DataFrame", list[str]]:
        """The columns in use of a table at prediction, found by name in any order.

        Returns statements too: about columns that were ignored. Arrays must have as
        many columns as the training table had; `owner` is who is named if they don't.
        """
        frame = as_frame(X)
        names = [column.name for column in self.columns]
        known = set(names)
        by_name = is_named(X) and (self.named or known <= set(frame.columns))
        if not by_name:
            if frame.shape[1] != len(names):
                raise DataError(
                    f"X has {frame.shape[1]} features, but {owner} is expecting "
                    f"{len(names)} features as input."
                )
            frame.columns = names
        wanted = [column.name for column in self.used]
        present = set(frame.columns)
        lacking = [name for name in wanted if name not in present]
        if lacking:
            raise DataError(_lacking(lacking, list(frame.columns), len(wanted)))
        extra = [name for name in frame.columns if name not in known]
        notes = []
        if extra:
            notes.append(
                f"Ignored {wording.columns(len(extra))} unknown to the model: "
                f"{wording.listed(extra)}."
            )
        return frame.loc[:, wanted], notes

    def to_json(self) -> dict[str, Any]:
        """A dict that JSON can hold; `from_json` gives an equal schema back."""
        return {
            "columns": [column.to_json() for column in self.columns],
            "named": self.named,
            "notes": list(self.notes),
        }

    @staticmethod
    def from_json(record: dict[str, Any]) -> "Schema":
        columns = tuple(Column.from_json(column) for column in record["columns"])
        return Schema(columns, record["named"], tuple(record["notes"]))


def _declared(categorical: Iterable[str], names: Sequence[str]) -> set[str]:
    declared = {str(name) for name in categorical}
    for name in sorted(declared - set(names)):
        raise DataError(
            f"`categorical` must name columns of the table, but there is no {name!r}."
            f"{wording.did_you_mean(name, names)}"
        )
    return declared


def _findings(frame: "pd.DataFrame", declared: set[str]) -> list[Finding]:
    plain = [
        name
        for name, dtype in zip(frame.columns, frame.dtypes, strict=True)
        if values.is_plain(dtype) and name not in declared
    ]
    found: dict[str, Finding] = {}
    width = max(1, _CELLS // len(frame))
    for start in range(0, len(plain), width):
        found.update(_plain_findings(frame, plain[start : start + width]))
    for name in frame.columns:
        if name not in found:
            found[name] = infer_column(
                column_of(frame, name), categorical=name in declared
            )
    return [found[name] for name in frame.columns]


def _plain_findings(frame: "pd.DataFrame", names: list[str]) -> dict[str, Finding]:
    """Columns of numeric dtypes, all at once, so that 10,000 of them cost seconds."""
    x = frame[names].to_numpy(dtype=float, na_value=np.nan)
    infinite = np.isinf(x)
    missing = np.isnan(x) | infinite
    low = np.where(missing, np.inf, x).min(axis=0)
    high = np.where(missing, -np.inf, x).max(axis=0)
    some_missing = np.any(missing, axis=0)
    some_infinite = np.any(infinite, axis=0)
    found = {}
    for i, name in enumerate(names):
        if low[i] > high[i]:
            found[name] = dropped(name, "no value")
        elif low[i] == high[i] and not some_missing[i]:
            found[name] = dropped(name, "constant")
        elif may_be_index(name) and is_index(column_of(frame, name)):
            found[name] = dropped(name, "row number")
        else:
            topics = []
            if some_infinite[i]:
                topics.append(("infinite", repr(name)))
            if max(-low[i], high[i]) > HUGE:
                topics.append(("huge", repr(name)))
            found[name] = Finding(Column(name, "numeric"), tuple(topics))
    return found


def _notes(findings: list[Finding]) -> list[str]:
    reasons: dict[str, list[str]] = defaultdict(list)
    topics: dict[str, list[str]] = defaultdict(list)
    for finding in findings:
        if finding.column.kind == "dropped":
            reasons[finding.column.reason].append(finding.column.name)
        for topic, example in finding.topics:
            topics[topic].append(example)
    notes = [
        f"Dropped {wording.columns(len(names))} {_DROPPED[reason]}: "
        f"{wording.listed(names)}."
        for reason, names in reasons.items()
    ]
    notes += [
        _STATED[topic].format(wording.listed(examples, quoted=False))
        for topic, examples in topics.items()
    ]
    return notes


def _lacking(lacking: list[str], present: Sequence[str], wanted: int) -> str:
    near = wording.did_you_mean(lacking[0], present).replace(
        "Did you mean", "Is it now"
    )
    return (
        f"The table must have the {wanted:,} columns that the model was fitted on, but "
        f"{wording.columns(len(lacking))} of them are missing: "
        f"{wording.listed(lacking)}.{near} Add or rename them."
    ).replace("1 column of them are", "1 column of them is")
