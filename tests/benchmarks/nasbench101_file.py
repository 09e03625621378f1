"""Writes files as the official one of NAS-Bench-101 is, with made-up measurements."""

import base64
import json
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from thalweg.benchmarks.nasbench101.tfrecord import masked_crc
from thalweg.cells import ModelSpec


def frames(contents: Sequence[bytes]) -> bytes:
    """Records with their lengths and checksums."""
    lengths = [struct.pack("<Q", len(content)) for content in contents]
    first, second = masked_crc(lengths).tolist(), masked_crc(contents).tolist()
    return b"".join(
        length + struct.pack("<I", a) + content + struct.pack("<I", b)
        for length, a, content, b in zip(lengths, first, contents, second, strict=True)
    )


def varint(number: int) -> bytes:
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def message(evaluations: np.ndarray, parameters: int) -> bytes:
    """`ModelMetrics` of `[3, 5]` numbers, field by field."""
    out = b""
    for evaluation in evaluations:
        part = b"".join(
            bytes([8 * (i + 1) + 1]) + struct.pack("<d", value)
            for i, value in enumerate(evaluation)
        )
        out += b"\x0a" + varint(len(part)) + part
    return out + b"\x10" + varint(parameters) + b"\x19" + struct.pack("<d", 400.0)


def row(spec: ModelSpec, epochs: int, metrics: bytes, name: str | None = None) -> bytes:
    """The JSON list of a training."""
    matrix, ops = spec.cell()
    name = spec.hash_spec() if name is None else name
    bits = "".join(map(str, matrix.ravel().tolist()))
    text = base64.b64encode(metrics).decode()
    return json.dumps([name, epochs, bits, ",".join(ops), text]).encode()


def measurements(rng: np.random.Generator, worth: float, epochs: int) -> np.ndarray:
    """Evaluations before training, halfway and at the end, in single precision."""
    out = np.zeros((3, 5))
    for i, epoch in enumerate((0, epochs / 2, epochs)):
        accuracy = 0.1 + (worth - 0.1) * (1 - np.exp(-epoch / 10))
        noise = rng.normal(0, 0.002, 3)
        out[i] = [epoch, 10 * epoch * (1 + worth), *(accuracy + noise)]
    return out.astype(np.float32).astype(np.float64)


def write(
    file: Path, specs: list[ModelSpec], *, epochs: tuple[int, ...] = (4, 12, 36, 108)
) -> None:
    """Three trainings of every cell for every number of epochs."""
    rng = np.random.default_rng(0)
    rows = []
    for spec in specs:
        ops, name = spec.cell()[1], spec.hash_spec()
        worth = 0.8 + 0.02 * ops.count("conv3x3-bn-relu") + 0.01 * len(ops)
        for each in epochs:
            for _ in range(3):
                values = measurements(rng, worth, each)
                metrics = message(values, 1_000_000 * len(ops))
                rows.append(row(spec, each, metrics, name))
    file.write_bytes(frames(rows))
