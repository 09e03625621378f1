"""A table with its target: what the command line and the estimators hand on."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int

from thalweg.core.errors import DataError
from thalweg.data import values, wording
from thalweg.data.classes import Classes
from thalweg.data.frames import as_frame, column_of, is_named
from thalweg.data.reading import read_table
from thalweg.data.schema import Schema
from thalweg.data.target import Target, as_target, read_target
from thalweg.data.target_summary import target_summary
from thalweg.data.task import Task, check_task

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Table:
    """The rows that have a target, and all that was found out about them."""

    frame: "pd.DataFrame"  # the columns besides the target
    target: np.ndarray  # int32 codes of `classes`, or float64 numbers
    target_name: str
    task: Task
    schema: Schema
    classes: Classes | None
    rows: Int[np.ndarray, "n"]  # where these rows were in the source
    notes: tuple[str, ...]  # repairs and decisions, in sentences

    def __len__(self) -> int:
        return len(self.frame)

    def summary(self) -> dict[str, Any]:
        """What a report shows of the data; JSON can hold it."""
        return {
            "rows": len(self),
            "columns": [_column_summary(self.frame, c) for c in self.schema.used],
            "kinds": {
                kind: len(self.schema.of_kind(kind))
                for kind in ("numeric", "categorical", "boolean", "date", "dropped")
            },
            "dropped": {c.name: c.reason for c in self.schema.of_kind("dropped")},
            "target": target_summary(
                self.target_name, self.task, self.target, self.classes
            ),
            "notes": list(self.notes),
        }


def load_table(
    source: Any,
    target: Any,
    task: Task | None = None,
    *,
    categorical: Iterable[str] = (),
    owner: str = "the model",
) -> Table:
    """The table in `source`: a path, or anything `as_frame` takes.

    `target` is the name of one of its columns, or the target itself, one value per row.
    """
    if task is not None:
        check_task(task)
    notes: list[str] = []
    if isinstance(source, str | Path):
        source, notes = read_table(source)
    frame = as_frame(source)
    named = is_named(source)
    if isinstance(target, str):
        series = _column(frame, target)
        frame = frame.drop(columns=target)
        if frame.shape[1] == 0:
            raise DataError(
                f"A table needs columns besides the target, but {target!r} is the only "
                "one."
            )
    else:
        series = as_target(target, owner=owner)
        if len(series) != len(frame):
            raise DataError(
                "Found input variables with inconsistent numbers of samples: X has "
                f"{len(frame):,} and y has {len(series):,}. Give one target per row."
            )
    found = read_target(series, task)
    if len(found.rows) < len(frame):
        frame = frame.iloc[found.rows].reset_index(drop=True)
    return _assemble(frame, named, str(series.name), found, notes, categorical)


def _assemble(
    frame: "pd.DataFrame",
    named: bool,
    name: str,
    found: Target,
    notes: list[str],
    categorical: Iterable[str],
) -> Table:
    schema = Schema.infer(frame, categorical=categorical, named=named)
    return Table(
        frame=frame,
        target=found.values,
        target_name=name,
        task=found.task,
        schema=schema,
        classes=found.classes,
        rows=found.rows,
        notes=(*notes, *found.notes, *schema.notes),
    )


def _column(frame: "pd.DataFrame", name: str) -> "pd.Series":
    if name not in frame.columns:
        raise DataError(
            f"The target must be a column of the table, but there is no {name!r}."
            f"{wording.did_you_mean(name, frame.columns)} "
            f"Columns: {wording.listed(list(frame.columns), 12, quoted=False)}."
        )
    return column_of(frame, name)


def _column_summary(frame: "pd.DataFrame", column: Any) -> dict[str, Any]:
    series = column_of(frame, column.name)
    if column.kind == "numeric":
        x = values.numbers(series, column.decimal)
        missing = np.count_nonzero(~np.isfinite(x))
    elif column.kind == "date":
        missing = np.count_nonzero(
            np.isnat(values.dates(series, column.order).to_numpy())
        )
    else:
        missing = np.count_nonzero(values.level_codes(series)[0] < 0)
    record = {"name": column.name, "kind": column.kind, "missing": missing / len(frame)}
    if column.kind == "categorical":
        record["levels"] = len(values.level_codes(series)[1])
    return record
