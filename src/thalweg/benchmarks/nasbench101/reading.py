"""Records of NAS-Bench-101 to arrays.

https://github.com/google-research/nasbench (nasbench/api.py). Each record is a JSON
list: the cell's hash, epochs, the matrix's bits, the operations and a base64 text of
`ModelMetrics`; there are three for each cell and number of epochs.
"""

import binascii
import json
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64

from thalweg.benchmarks.nasbench101.model_metrics import decode
from thalweg.cells import graphs
from thalweg.cells import nasbench101 as cells
from thalweg.core.errors import DataError

REPEATS = 3
# of each repeat, in this order
METRICS = (
    "halfway_training_time",
    "halfway_train_accuracy",
    "halfway_validation_accuracy",
    "halfway_test_accuracy",
    "final_training_time",
    "final_train_accuracy",
    "final_validation_accuracy",
    "final_test_accuracy",
)
ABSENT = 255  # the label of a vertex that a cell has not
_KINDS = [str, int, str, str, str]


class Reading:
    """Gathers cells and repeats as they come; `arrays` are what they make."""

    def __init__(self, source: Path):
        self.source = source
        self.count = 0  # records
        self.row: dict[str, int] = {}  # of each hash
        self.first: list[int] = []  # each cell's first record
        self.drawings: list[tuple[str, str]] = []  # bits and operations
        self.parameters: list[int] = []
        self.parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def add(self, batch: list[bytes]) -> None:
        """The next records. Raises `DataError` that names the one that is foreign."""
        if not batch:
            return
        rows = self._rows(batch)
        values, parameters = self._metrics([row[4] for row in rows])
        place = np.empty(len(rows), np.int64)
        for i, (name, _, bits, operations, _) in enumerate(rows):
            place[i] = self.row.setdefault(name, len(self.drawings))
            if place[i] == len(self.drawings):
                self.first.append(self.count + i)
                self.drawings.append((bits, operations))
                self.parameters.append(int(parameters[i]))
        # halfway and at the end: seconds, train, validation, test
        metrics = values[:, 1:, 1:].reshape(len(rows), len(METRICS))
        epochs = np.array([row[1] for row in rows])
        narrow = metrics.astype(np.float32)
        exact = (narrow == metrics) | np.isnan(metrics)
        self.parts.append((place, epochs, narrow if exact.all() else metrics))
        self.count += len(batch)

    def arrays(self) -> dict[str, Any]:
        """The columns by name, cells in the order of their first record."""
        place, epochs, metrics = (
            np.concatenate(part) for part in zip(*self.parts, strict=True)
        )
        levels, level = np.unique(epochs, return_inverse=True)
        repeat = _occurrence(place * len(levels) + level)
        if repeat.max() >= REPEATS:
            raise self._foreign(int(repeat.argmax()), f"is repeat {repeat.max() + 1}")
        shape = (len(self.drawings), len(levels), REPEATS, len(METRICS))
        full = np.full(shape, np.nan, metrics.dtype)
        full[place, level, repeat] = metrics
        vertices, drawn, labels = self._graphs()
        known = np.where(labels == ABSENT, 0, labels).astype(np.int64)
        return {
            "digest": self._digests(),
            "number": cells.cells().numbers(drawn, known),
            "vertices": vertices.astype(np.uint8),
            "graphs": np.packbits(drawn.reshape(len(drawn), -1), axis=1),
            "labels": labels,
            "parameters": np.array(self.parameters, np.int32),
            "epochs": levels,
            "metrics": full,
        }

    def _rows(self, batch: list[bytes]) -> list[list[Any]]:
        """The lists, all at once if they are what they should be, or the culprit."""
        try:
            rows = json.loads(b"[" + b",".join(batch) + b"]")
            if len(rows) == len(batch) and all(map(_is_row, rows)):
                return rows
        except ValueError:
            pass
        for i, content in enumerate(batch):
            try:
                if _is_row(json.loads(content)):
                    continue
            except ValueError:
                pass
            raise self._foreign(
                self.count + i, "is no list of hash, epochs, matrix, ops, metrics"
            )
        raise AssertionError("lists that are right one by one are right together")

    def _metrics(self, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
        messages = []
        for i, text in enumerate(texts):
            try:
                messages.append(binascii.a2b_base64(text))
            except ValueError as error:
                what = f"has no base64 metrics: {error}"
                raise self._foreign(self.count + i, what) from None
        try:
            return decode(messages)
        except DataError as error:
            i, _, reason = str(error).partition(": ")
            what = f"has metrics that are no `ModelMetrics`: {reason}"
            raise self._foreign(self.count + int(i), what) from None

    def _graphs(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Each cell's vertices, matrix (the output is the last of seven) and labels."""
        known: dict[str, list[int]] = {}
        sizes = np.array([len(bits) for bits, _ in self.drawings])
        drawn = np.zeros((len(sizes), cells.VERTICES, cells.VERTICES), bool)
        labels = np.full((len(sizes), cells.INNER), ABSENT, np.uint8)
        vertices = np.sqrt(sizes).astype(np.int64)
        for row, (_, text) in enumerate(self.drawings):
            if text not in known:
                known[text] = self._labels(row, text)
            size = len(known[text]) + 2
            if size**2 != sizes[row]:
                raise self._no_cell(row)
            labels[row, : size - 2] = known[text]
        for v in np.unique(vertices).tolist():
            rows = np.flatnonzero(vertices == v)
            bits = "".join(self.drawings[i][0] for i in rows.tolist()).encode()
            digits = np.frombuffer(bits, np.uint8).reshape(-1, v, v) - ord("0")
            wrong = (digits > 1).any((1, 2)) | np.tril(digits).any((1, 2))
            wrong |= digits.sum((1, 2)) > cells.EDGES
            wrong |= ~graphs.live(digits == 1).all(1)
            if wrong.any():
                raise self._no_cell(int(rows[wrong.argmax()]))
            places = places_of(v)
            drawn[rows[:, None, None], places[:, None], places] = digits
        return vertices, drawn, labels

    def _labels(self, row: int, text: str) -> list[int]:
        first, *inner, last = text.split(",") if "," in text else ("", "")
        known = all(op in cells.OPERATIONS for op in inner)
        if not known or (first, last) != (cells.INPUT, cells.OUTPUT):
            raise self._no_cell(row)
        if len(inner) > cells.INNER:
            raise self._no_cell(row)
        return [cells.OPERATIONS.index(op) for op in inner]

    def _digests(self) -> Int64[np.ndarray, "c 16"]:
        for name, row in self.row.items():
            if len(name) != 32 or not set(name) <= set("0123456789abcdef"):
                raise self._foreign(self.first[row], "has no MD5 hash")
        joined = bytes.fromhex("".join(self.row))
        return np.frombuffer(joined, np.uint8).reshape(-1, 16)

    def _no_cell(self, row: int) -> DataError:
        bits, operations = self.drawings[row]
        what = f"has no cell of NAS-Bench-101: {bits!r}, {operations!r}"
        return self._foreign(self.first[row], what)

    def _foreign(self, record: int, what: str) -> DataError:
        return DataError(
            f"Record {record} of {str(self.source)!r} {what}. The file must be "
            "nasbench_full.tfrecord or nasbench_only108.tfrecord as published."
        )


def places_of(vertices: int) -> Int64[np.ndarray, " v"]:
    """Where the vertices of a cell stand among seven."""
    return np.append(np.arange(vertices - 1), cells.VERTICES - 1)


def _is_row(row: Any) -> bool:
    return isinstance(row, list) and [type(value) for value in row] == _KINDS


def _occurrence(keys: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
    """How often each key came before."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    begins = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    lengths = np.diff(np.append(begins, len(keys)))
    found = np.empty(len(keys), np.int64)
    found[order] = np.arange(len(keys)) - np.repeat(begins, lengths)
    return found
