"""Where the tables lie: a file that the user names, read without pickle."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from thalweg.core.errors import DataError, InvalidInput

VARIABLE = "THALWEG_DATA"
PAGE = "docs/tabular-benchmarks.md"


def find(path: str | Path | None, name: str, *, what: str) -> Path:
    """The file of a table: `path`, or `name` in `path` or in `$THALWEG_DATA`.

    **name**: where the file lies within a folder of data, "nasbench201/….npz".
    """
    folder = os.environ.get(VARIABLE) if path is None else path
    if folder is None:
        raise InvalidInput(
            f"{what} needs its table, {Path(name).name!r}. Say where it is: `path=` "
            f"the file, or the environment variable {VARIABLE} the folder with "
            f"{name!r}. {PAGE} says how to make it."
        )
    for file in (Path(folder), Path(folder) / name, Path(folder) / Path(name).name):
        if file.is_file():
            return file
    raise InvalidInput(
        f"{what} needs its table, but there is neither a file {str(folder)!r} nor "
        f"{name!r} in it. Point `path=` or {VARIABLE} to it; {PAGE} says how to "
        "make it."
    )


def read(
    file: Path, names: Iterable[str], *, optional: Iterable[str] = ()
) -> Mapping[str, np.ndarray]:
    """Arrays of an `.npz` file. Never unpickles."""
    try:
        with np.load(file, allow_pickle=False) as content:
            missing = [name for name in names if name not in content.files]
            if missing:
                raise DataError(
                    f"The table {str(file)!r} must hold {missing}, but it holds only "
                    f"{content.files}. {PAGE} describes its arrays."
                )
            wanted = [*names, *(name for name in optional if name in content.files)]
            return {name: content[name] for name in wanted}
    except (ValueError, OSError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"A table must be an .npz file of plain arrays, but {str(file)!r} could "
            f"not be read: {error}."
        ) from None
