"""`thalweg predict`: a table or images in, a table of predictions out."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from thalweg.automl.model import Model
from thalweg.core.errors import DataError, InvalidInput, StoreError
from thalweg.data import as_frame, read_table

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".csv", ".tsv", ".parquet", ".csv.gz", ".tsv.gz")


def predict(run: Path, data: Path, out: Path, *, proba: bool) -> None:
    """Write the predictions of a run's model for the rows, or images, of `data`."""
    model = Model.of_run(run)
    if not out.name.endswith(SUFFIXES):
        raise InvalidInput(
            f"Predictions are written as {', '.join(SUFFIXES)}, but got {out.name!r}."
        )
    if out.resolve() == data.resolve():
        raise InvalidInput(
            f"`--out` must not be the table itself, but both are {out}. "
            "Name another file."
        )
    if proba and model.classes is None:
        raise InvalidInput(
            "`--proba` needs a model for classification, but this one predicts "
            "numbers. Leave it out."
        )
    read = _images if model.features.kind == "images" else _rows
    rows, names, notes = read(data, model)
    raw, repaired = model.predict_raw(rows)
    for note in (*notes, *repaired):
        typer.echo(f"Note: {note}", err=True)
    _write(_predictions(model, raw, names, proba=proba), out)
    typer.echo(f"{len(raw):,} predictions: {out}")


def _rows(table: Path, model: Model) -> tuple[Any, dict[str, Any], list[str]]:
    frame, notes = read_table(table)
    frame = as_frame(frame)
    if model.target in frame.columns:
        frame = frame.drop(columns=model.target)
    if len(frame) == 0:
        raise DataError(f"{table} has no rows to predict. Give at least one.")
    return frame, {}, notes


def _images(place: Path, model: Model) -> tuple[Any, dict[str, Any], list[str]]:
    """Files, and their names as a column."""
    from thalweg.data.images import files_below

    paths, _, notes = files_below(place)
    folder = place if place.is_dir() else place.parent
    names = [str(path.relative_to(folder)) for path in paths]
    return paths, {"file": names}, notes


def _predictions(
    model: Model, raw: object, names: Mapping[str, Any], *, proba: bool
) -> "pd.DataFrame":
    import numpy as np
    import pandas as pd

    raw = np.asarray(raw)
    columns = {**names, model.target: model.labels(raw)}
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
