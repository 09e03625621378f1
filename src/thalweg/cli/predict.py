"""`thalweg predict`: a table in, a table of predictions out."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from thalweg.automl.model import Model
from thalweg.core.errors import DataError, InvalidInput, StoreError
from thalweg.data import as_frame, read_table

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".csv", ".tsv", ".parquet", ".csv.gz", ".tsv.gz")


def predict(run: Path, table: Path, out: Path, *, proba: bool) -> None:
    """Write the predictions of a run's model for the rows of `table`."""
    model = Model.of_run(run)
    if not out.name.endswith(SUFFIXES):
        raise InvalidInput(
            f"Predictions are written as {', '.join(SUFFIXES)}, but got {out.name!r}."
        )
    if out.resolve() == table.resolve():
        raise InvalidInput(
            f"`--out` must not be the table itself, but both are {out}. "
            "Name another file."
        )
    if proba and model.classes is None:
        raise InvalidInput(
            "`--proba` needs a model for classification, but this one predicts "
            "numbers. Leave it out."
        )
    frame, notes = read_table(table)
    frame = as_frame(frame)
    if model.target in frame.columns:
        frame = frame.drop(columns=model.target)
    if len(frame) == 0:
        raise DataError(f"{table} has no rows to predict. Give at least one.")
    raw, repaired = model.predict_raw(frame)
    for note in (*notes, *repaired):
        typer.echo(f"Note: {note}", err=True)
    _write(_predictions(model, raw, proba=proba), out)
    typer.echo(f"{len(frame):,} predictions: {out}")


def _predictions(model: Model, raw: object, *, proba: bool) -> "pd.DataFrame":
    import numpy as np
    import pandas as pd

    raw = np.asarray(raw)
    columns = {model.target: model.labels(raw)}
    if proba and model.classes is not None:
        for place, label in enumerate(model.classes.labels.tolist()):
            columns[f"{model.target}={label}"] = raw[:, place]
    return pd.DataFrame(columns)


def _write(frame: "pd.DataFrame", out: Path) -> None:
    """Whole or not at all: a draft first, then the name."""
    draft = out.with_name(f".thalweg-{os.getpid()}-{out.name}")
    try:
        if out.name.endswith(".parquet"):
            frame.to_parquet(draft, index=False)
        else:
            tab = out.name.split(".", 1)[1].startswith("tsv")
            packed = "gzip" if out.name.endswith(".gz") else None
            frame.to_csv(
                draft, index=False, sep="\t" if tab else ",", compression=packed
            )
        draft.replace(out)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise StoreError(
            f"The predictions can't be written to {out} ({error.strerror}). "
            "Name a place that can be written."
        ) from error
