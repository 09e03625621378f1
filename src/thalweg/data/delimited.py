"""Parse delimited text: its encoding, its delimiter, its header, its rows."""

import csv
import io
import math
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from thalweg.core.errors import DataError
from thalweg.data.wording import listed

if TYPE_CHECKING:
    import pandas as pd

_BOMS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_HEAD = 1 << 22  # characters that hold any header
_DELIMITERS = (",", ";", "\t", "|")


def parse(path: Path, raw: bytes, suffix: str) -> tuple["pd.DataFrame", list[str]]:
    """The table that the bytes of a text file spell, and the repairs made."""
    text, notes = _decode(path, raw)
    delimiter = _delimiter(text, suffix)
    _check_header(path, _header(path, text, delimiter))
    return _frame(path, text, delimiter), notes


def refuse_duplicates(path: Path, names: Sequence[str], hint: str = "") -> None:
    """Raise unless every name occurs once; columns are found by name."""
    counts = Counter(names)
    twice = [name for name, count in counts.items() if count > 1 and name]
    if twice:
        raise DataError(
            f"Columns need names of their own, but in {path} more than one is called "
            f"{listed(twice)}. Rename them.{hint}"
        )


def _decode(path: Path, raw: bytes) -> tuple[str, list[str]]:
    encoding = next((e for bom, e in _BOMS.items() if raw.startswith(bom)), "utf-8")
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding == "utf-16" or b"\x00" in raw[:4096]:
            raise DataError(
                f"{path} isn't text (it can't be decoded from byte {error.start:,} "
                "on). Save the table as CSV in UTF-8."
            ) from None
        return _western(path, raw, error)
    if "\x00" in text[:4096]:
        raise DataError(
            f"{path} isn't text: it holds zero bytes. Save the table as CSV."
        )
    return text, []


def _western(
    path: Path, raw: bytes, error: UnicodeDecodeError
) -> tuple[str, list[str]]:
    try:
        text, name = raw.decode("cp1252"), "Windows-1252"
    except UnicodeDecodeError:
        text, name = raw.decode("latin-1"), "Latin-1"
    line = raw.count(b"\n", 0, error.start) + 1
    note = (
        f"{path.name} isn't UTF-8 (line {line:,}, byte 0x{raw[error.start]:02X}); it "
        f"was read as {name}. If letters look wrong, save it as UTF-8."
    )
    return text, [note]


def _delimiter(text: str, suffix: str) -> str:
    """The candidate that splits the first lines most evenly."""
    head = text[: 1 << 16].splitlines()[:20]
    if len(text) > 1 << 16 and len(head) > 1 and len(head) < 20:
        head.pop()  # cut off in the middle
    best, most = ("\t" if suffix in (".tsv", ".tab") else ","), 0.0
    candidates = sorted(_DELIMITERS, key=lambda d: d != best)
    for delimiter in candidates:
        rows = [row for row in csv.reader(head, delimiter=delimiter) if row]
        widths = [len(row) for row in rows]
        if not widths or widths[0] < 2:
            continue
        even = sum(width == widths[0] for width in widths) / len(widths)
        score = even + min(widths[0], 1000) * 1e-4
        if score > most:
            best, most = delimiter, score
    return best


def _header(path: Path, text: str, delimiter: str) -> list[str]:
    """The first line that holds anything, as pandas will see it too."""
    head = io.StringIO(text[:_HEAD], newline=None)  # a lone \r ends a line too
    try:
        rows = csv.reader(head, delimiter=delimiter, skipinitialspace=True)
        return next((row for row in rows if row), [])
    except csv.Error as error:
        raise DataError(
            f"The first line must name the columns, but in {path} it can't be read: "
            f"{error}. Look for an open quote."
        ) from None


def _check_header(path: Path, header: list[str]) -> None:
    names = [name.strip() for name in header]
    if not any(names):
        raise DataError(
            f"The first line must name the columns, but in {path} it is empty. Add a "
            "header."
        )
    numbers = [value for value in map(_as_number, names) if value is not None]
    whole = all(value == int(value) for value in numbers if math.isfinite(value))
    years = all(1800 <= value <= 2200 for value in numbers) and numbers == sorted(
        set(numbers)
    )
    run = [numbers[0] + i for i in range(len(numbers))] if numbers else []
    labels = whole and (
        years or numbers == run
    )  # 0, 1, 2, … or 1990, 2000, … are names
    if numbers and not labels and (not whole or len(numbers) * 2 >= len(names)):
        raise DataError(
            f"The first line must name the columns, but in {path} it holds numbers "
            f"({listed(names, quoted=False)}). Add a header line."
        )
    refuse_duplicates(path, names, " If the first line is data, add a header line.")


def _as_number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _frame(path: Path, text: str, delimiter: str) -> "pd.DataFrame":
    import pandas as pd

    with warnings.catch_warnings():
        # rows longer than the header: an error below, instead of cells cut off
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:
            frame = pd.read_csv(
                io.StringIO(text),
                sep=delimiter,
                index_col=False,
                low_memory=False,
                skipinitialspace=True,
            )
        except pd.errors.ParserWarning:
            raise DataError(
                f"Every row must have as many fields as the header, but in {path} rows "
                "have more. Name every column in the first line."
            ) from None
        except pd.errors.ParserError as error:
            reason = str(error).split("C error: ")[-1].strip().rstrip(".")
            raise DataError(
                f"The rows of {path} can't be told apart: {reason}. "
                "Look for a stray delimiter or an open quote there."
            ) from None
    return frame.rename(columns=lambda name: str(name).strip())
