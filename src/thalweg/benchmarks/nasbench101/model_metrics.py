"""The protocol buffer `ModelMetrics` of NAS-Bench-101, read without its library.

https://protobuf.dev/programming-guides/encoding/ (wire format) and
https://github.com/google-research/nasbench (nasbench/lib/model_metrics.proto). Field 1,
repeated, is an evaluation: epoch, seconds, train, validation and test accuracy, doubles
numbered 1 to 5; field 2 the trainable parameters; others are skipped.
"""

import struct
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float64, Int64

from thalweg.core.errors import DataError

EVALUATIONS = 3  # before training, halfway, at the end
VALUES = 5  # of an evaluation

# How the program that made the data set wrote it: three evaluations of five doubles,
# then the two numbers. Messages laid out so are read all at once.
_EVALUATION = b"\x0a\x2d" + b"".join(bytes([8 * i + 1]) + bytes(8) for i in range(1, 6))
_HEAD = _EVALUATION * EVALUATIONS + b"\x10"
_DOUBLES = [
    e * len(_EVALUATION) + 3 + 9 * i for e in range(EVALUATIONS) for i in range(VALUES)
]


def decode(
    messages: Sequence[bytes],
) -> tuple[Float64[np.ndarray, "n 3 5"], Int64[np.ndarray, " n"]]:
    """Evaluations and trainable parameters of each message.

    Raises `DataError` that begins with the number of the message that is none.
    """
    values = np.empty((len(messages), EVALUATIONS, VALUES))
    parameters = np.empty(len(messages), np.int64)
    lengths = np.array([len(message) for message in messages])
    for length in np.unique(lengths):
        rows = np.flatnonzero(lengths == length)
        content = b"".join(messages[i] for i in rows.tolist())
        data = np.frombuffer(content, np.uint8).reshape(len(rows), length)
        usual = _as_usual(data)
        if usual.any():
            values[rows[usual]], parameters[rows[usual]] = _columns(data[usual])
        for i in rows[~usual].tolist():
            try:
                values[i], parameters[i] = _one(messages[i])
            except (struct.error, IndexError, ValueError) as error:
                raise DataError(f"{i}: {error}") from None
    return values, parameters


def _as_usual(data: np.ndarray) -> np.ndarray:
    """Which messages have every tag where `_HEAD` has it."""
    head, tail = len(_HEAD), data.shape[1] - 9
    if tail <= head or tail > head + 5:
        return np.zeros(len(data), bool)
    wanted = np.frombuffer(_HEAD, np.uint8)
    content = np.array([p + i for p in _DOUBLES for i in range(8)])
    tags = np.setdiff1d(np.arange(head), content)
    more = data[:, head:tail] >= 128  # each byte of a number but the last
    last = np.arange(tail - head) == tail - head - 1
    number = (more == ~last).all(1)
    return (data[:, tags] == wanted[tags]).all(1) & number & (data[:, tail] == 0x19)


def _columns(data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    doubles = [data[:, p : p + 8] for p in _DOUBLES]
    values = np.ascontiguousarray(np.stack(doubles, 1)).view("<f8")
    digits = data[:, len(_HEAD) : -9].astype(np.int64) & 127
    parameters = digits @ (1 << 7 * np.arange(digits.shape[1]))
    return values.reshape(len(data), EVALUATIONS, VALUES), parameters


def _one(message: bytes) -> tuple[np.ndarray, int]:
    """One message, whatever the order of its fields."""
    evaluations, parameters = [], None
    for field, value in _fields(message):
        if field == 1 and isinstance(value, bytes):
            numbers = dict(_fields(value))
            evaluations.append([numbers.get(i, 0.0) for i in range(1, VALUES + 1)])
        elif field == 2 and isinstance(value, int):
            parameters = value
    if len(evaluations) != EVALUATIONS or parameters is None:
        raise ValueError(
            f"{len(evaluations)} evaluations and "
            f"{'no' if parameters is None else 'a'} number of parameters"
        )
    return np.array(evaluations, np.float64), parameters


def _fields(message: bytes) -> Iterator[tuple[int, int | float | bytes]]:
    """Numbers and values of a message's fields, in the order of the wire."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        field, kind = tag >> 3, tag & 7
        if kind == 0:
            value, at = _varint(message, at)
        elif kind == 1:
            (value,), at = struct.unpack_from("<d", message, at), at + 8
        elif kind == 2:
            size, at = _varint(message, at)
            value, at = message[at : at + size], at + size
        elif kind == 5:
            (value,), at = struct.unpack_from("<f", message, at), at + 4
        else:
            raise ValueError(f"a field of the unknown wire type {kind}")
        if at > len(message):
            raise ValueError("a field that ends after the message")
        yield field, value


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, the lowest first, and where it ends."""
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
        if shift > 63:
            raise ValueError("a number of more than ten bytes")
