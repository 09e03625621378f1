"""Read a table from a file: CSV, TSV or Parquet, gzipped or not.

Whatever is wrong with the file is one `DataError` that says what to do about it. What
can be repaired is, and each repair is stated in `Reading.notes`. The file is never
written to.
"""

import difflib
import gzip
import io
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from thalweg.core.errors import DataError
from thalweg.data import delimited

if TYPE_CHECKING:
    import pandas as pd

TEXT_SUFFIXES = (".csv", ".tsv", ".tab", ".txt", ".data", ".dat")
PARQUET_SUFFIXES = (".parquet", ".pq")
_MAGIC = {b"PK\x03\x04": "an Excel workbook or a zip archive", b"%PDF": "a PDF"}


class Reading(NamedTuple):
    """A table and what was repaired on the way."""

    frame: "pd.DataFrame"
    notes: list[str]


def read_table(path: str | Path) -> Reading:
    """The table in the file at `path`; suffix and content tell the format."""
    path = Path(path)
    suffix = _suffix(path)
    raw = _bytes(path)
    if not raw.strip():
        raise DataError(f"A table needs a header and rows, but {path} is empty.")
    if raw[:4] == b"PAR1" or suffix in PARQUET_SUFFIXES:
        reading = Reading(_parquet(path, raw), [])
    else:
        for magic, what in _MAGIC.items():
            if raw.startswith(magic):
                raise DataError(
                    f"{path} is {what}, which can't be read. Save the table as CSV."
                )
        reading = Reading(*delimited.parse(path, raw, suffix))
    if len(reading.frame) == 0:
        raise DataError(f"A table needs rows, but {path} has only a header.")
    return reading


def _suffix(path: Path) -> str:
    suffixes = [s.lower() for s in path.suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def _bytes(path: Path) -> bytes:
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"No such file: {path}.{_nearest(path)}") from None
    except IsADirectoryError:
        tables = sorted(
            p.name
            for p in path.iterdir()
            if _suffix(p) in TEXT_SUFFIXES + PARQUET_SUFFIXES
        )
        held = f" It holds {', '.join(tables[:5])}." if tables else ""
        raise DataError(
            f"A table is one file, but {path} is a folder.{held} Name the file."
        ) from None
    except NotADirectoryError:
        raise DataError(
            f"No such file: {path}. A part of that path is a file, not a folder."
        ) from None
    except PermissionError:
        raise DataError(
            f"{path} may not be read by this user. Change its permissions (chmod +r)."
        ) from None
    except OSError as error:
        raise DataError(f"{path} can't be read: {error.strerror or error}.") from None
    if raw[:2] != b"\x1f\x8b":  # plain, even if the name ends in .gz
        return raw
    try:
        return gzip.decompress(raw)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"{path} is a damaged gzip file ({error}). Copy or download it again."
        ) from None


def _nearest(path: Path) -> str:
    """The nearest name in the file's folder, as a hint."""
    folder = path.parent
    if not folder.is_dir():
        return f" There is no folder {folder} either."
    try:
        names = [p.name for p in folder.iterdir()]
    except OSError:
        return ""
    near = difflib.get_close_matches(path.name, names, n=1, cutoff=0.5)
    return f" Did you mean {folder / near[0]}?" if near else ""


def _parquet(path: Path, raw: bytes) -> "pd.DataFrame":
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(io.BytesIO(raw)).read()
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise DataError(
            f"{path} is a damaged Parquet file or none at all ({reason}). Write it "
            "again."
        ) from None
    delimited.refuse_duplicates(path, table.column_names)
    try:
        frame = table.to_pandas()
    except (pa.ArrowException, ValueError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise DataError(
            f"The columns of {path} can't be read ({reason}). Save the table as CSV."
        ) from None
    named_index = any(name is not None for name in frame.index.names)
    return frame.reset_index(drop=not named_index)
