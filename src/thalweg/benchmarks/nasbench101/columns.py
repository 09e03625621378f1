"""The official file as columns: read once, kept in a file that loads in a second."""

import os
import tempfile
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int32, Int64, UInt8

from thalweg.benchmarks.files import read
from thalweg.benchmarks.nasbench101.reading import Reading, places_of
from thalweg.benchmarks.nasbench101.tfrecord import records
from thalweg.cells import nasbench101 as cells
from thalweg.core.errors import InvalidInput

SUFFIX = ".thalweg.npz"


@dataclass(frozen=True)
class Columns:
    """What the file says of each cell, in its order."""

    source: Int64[np.ndarray, "2"]  # bytes of the official file, and its latest change
    digest: UInt8[np.ndarray, "c 16"]  # the cell's hash
    number: Int64[np.ndarray, " c"]  # of `architectures.nasbench101`
    vertices: UInt8[np.ndarray, " c"]
    graphs: UInt8[np.ndarray, "c 7"]  # the matrices' bits; the output is the last of 7
    labels: UInt8[np.ndarray, "c 5"]  # operations by number; 255: no such vertex
    parameters: Int32[np.ndarray, " c"]
    epochs: Int64[np.ndarray, " e"]
    metrics: Float[
        np.ndarray, "c e 3 8"
    ]  # see `reading.METRICS`; NaN where there is none

    def hash(self, row: int) -> str:
        """The cell's key, as text."""
        return self.digest[row].tobytes().hex()

    def cell(self, row: int) -> tuple[np.ndarray, list[str]]:
        """The matrix and the operations as the file has them."""
        size = int(self.vertices[row])
        places = places_of(size)
        bits = np.unpackbits(self.graphs[row], count=cells.VERTICES**2)
        square = bits.reshape(cells.VERTICES, -1).astype(np.int8)
        inner = [cells.OPERATIONS[i] for i in self.labels[row, : size - 2]]
        return square[np.ix_(places, places)], [cells.INPUT, *inner, cells.OUTPUT]


def load(path: str | Path, cache: str | Path | bool = True) -> Columns:
    """The columns of an official `.tfrecord`, or of a file that `convert` wrote.

    With `cache`, an official file is converted once, into a new file beside it or at
    the path that is given; later calls read that.
    """
    source = Path(path)
    if source.name.endswith(".npz"):
        return _read(source)
    if cache is False:
        return _converted(source)
    target = source.with_name(source.name + SUFFIX) if cache is True else Path(cache)
    if target.exists():
        columns = _read(target)
        if source.exists() and (columns.source != _stamp(source)).any():
            raise InvalidInput(
                f"{str(target)!r} was made from another file than {str(source)!r} is "
                "now. Remove it, or give `cache=` another path."
            )
        return columns
    columns = _converted(source)
    _write(columns, target)
    return columns


def convert(source: str | Path, target: str | Path) -> None:
    """Writes the columns of an official file into a new `.npz`."""
    if Path(target).exists():
        raise InvalidInput(
            f"`convert` writes a new file, but {str(target)!r} is there. Remove it or "
            "give another path."
        )
    _write(_converted(Path(source)), Path(target))


def _read(file: Path) -> Columns:
    return Columns(**read(file, [field.name for field in fields(Columns)]))


def _write(columns: Columns, target: Path) -> None:
    """All or nothing, and never over a file that is there."""
    arrays = {field.name: getattr(columns, field.name) for field in fields(Columns)}
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            dir=target.parent, prefix=".thalweg"
        ) as folder:
            new = Path(folder) / "columns.npz"
            np.savez(new, **arrays)
            os.link(new, target)
    except OSError as error:
        raise InvalidInput(
            f"The converted table could not be written to {str(target)!r}: {error}. "
            "Give `cache=` a path that can be written, or `cache=False`."
        ) from None


def _stamp(source: Path) -> Int64[np.ndarray, "2"]:
    found = source.stat()
    return np.array([found.st_size, found.st_mtime_ns])


def _converted(source: Path) -> Columns:
    """Reads the official file: minutes for the full one."""
    reading = Reading(source)
    for batch in records(source):
        reading.add(batch)
    return Columns(source=_stamp(source), **reading.arrays())
