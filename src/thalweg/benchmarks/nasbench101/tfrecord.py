"""TFRecord files without TensorFlow: length, checksum, bytes, checksum, and again.

https://www.tensorflow.org/tutorials/load_data/tfrecord (format); the checksum is
CRC-32C (Castagnoli), masked. Its state is linear in the bytes, so that thousands of
records are checked at once: each byte adds what a table says for its distance from the
end.
"""

import os
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Int64, UInt8, UInt32

from thalweg.core.errors import DataError

POLYNOMIAL = 0x82F63B78  # Castagnoli's, reversed
LONGEST = 2**16  # bytes of a record; a few hundred are usual
BLOCK = 2**22  # bytes read at once

EIGHT = np.array([8])  # bytes of a length

Bytes = UInt8[np.ndarray, " b"]


def records(file: Path) -> Iterator[list[bytes]]:
    """The file's records in order, some thousands at a time, their checksums checked.

    Raises `DataError` that says which record is cut off or damaged.
    """
    _check_beginning(file)
    number = start = 0  # of the first record in `rest`, and where in the file it begins
    rest = b""
    with file.open("rb") as source:
        while block := source.read(BLOCK):
            rest += block
            offsets, lengths = _walk(rest)
            used = int(offsets[-1] + lengths[-1] + 16) if len(offsets) else 0
            _verify(file, rest, offsets, lengths, number, start)
            bounds = zip((offsets + 12).tolist(), lengths.tolist(), strict=True)
            yield [rest[o : o + n] for o, n in bounds]
            number, start, rest = number + len(offsets), start + used, rest[used:]
            if len(rest) > LONGEST + 16:
                raise _damaged(file, number, start)
    if rest:
        head = np.frombuffer(rest[:12], np.uint8)
        if len(head) == 12 and _masked_crc(head, EIGHT, EIGHT) != _numbers(head, EIGHT):
            raise _damaged(file, number, start)
        raise DataError(
            f"The file {str(file)!r} ends in the middle of record {number} (byte "
            f"{start}): it is cut off. Download it again."
        )


def _check_beginning(file: Path) -> None:
    if not file.is_file():
        raise DataError(
            f"There is no file {str(file)!r}. Give the path of a .tfrecord."
        )
    if os.path.getsize(file) == 0:
        raise DataError(f"The file {str(file)!r} is empty. Download it again.")
    with file.open("rb") as source:
        head = source.read(12)
    if head[:2] == b"\x1f\x8b":
        raise DataError(
            f"The file {str(file)!r} is compressed (gzip). Unpack it with `gunzip`."
        )
    if len(head) < 12 or masked_crc([head[:8]])[0] != int.from_bytes(
        head[8:], "little"
    ):
        raise DataError(
            f"The file {str(file)!r} is no TFRecord file: it does not begin with a "
            "record's length and checksum."
        )


def _walk(buffer: bytes) -> tuple[Int64[np.ndarray, " n"], Int64[np.ndarray, " n"]]:
    """Where the complete records begin, and how long their contents are."""
    offsets, lengths, at, end = [], [], 0, len(buffer)
    while at + 16 <= end:
        length = int.from_bytes(buffer[at : at + 8], "little")
        if at + 16 + length > end:
            break  # continues in the next block, or is damaged
        offsets.append(at)
        lengths.append(length)
        at += 16 + length
    return np.array(offsets, np.int64), np.array(lengths, np.int64)


def _verify(
    file: Path,
    buffer: bytes,
    offsets: Int64[np.ndarray, " n"],
    lengths: Int64[np.ndarray, " n"],
    number: int,
    start: int,
) -> None:
    """Compares both checksums of every record."""
    data = np.frombuffer(buffer, np.uint8)
    eight = np.full(len(offsets), 8)
    good = _masked_crc(data, offsets + 8, eight) == _numbers(data, offsets + 8)
    good &= lengths <= LONGEST
    if good.all():
        ends = offsets + 12 + lengths
        good = _masked_crc(data, ends, lengths) == _numbers(data, ends)
    if not good.all():
        first = int(np.argmin(good))
        raise _damaged(file, number + first, start + int(offsets[first]))


def _damaged(file: Path, number: int, byte: int) -> DataError:
    return DataError(
        f"Record {number} of {str(file)!r} (byte {byte}) is damaged: its checksum does "
        "not match. Download the file again."
    )


def _numbers(data: Bytes, at: Int64[np.ndarray, " n"]) -> UInt32[np.ndarray, " n"]:
    """The 32-bit numbers that begin at `at`, the smallest byte first."""
    places = [data[at + i].astype(np.uint32) << np.uint32(8 * i) for i in range(4)]
    return places[0] | places[1] | places[2] | places[3]


def masked_crc(contents: Sequence[bytes]) -> UInt32[np.ndarray, " n"]:
    """The checksums of some bytes each, as they stand in the files."""
    lengths = np.array([len(content) for content in contents], np.int64)
    data = np.frombuffer(b"".join(contents), np.uint8)
    return _masked_crc(data, np.cumsum(lengths), lengths)


def _masked_crc(
    data: Bytes, ends: Int64[np.ndarray, " n"], lengths: Int64[np.ndarray, " n"]
) -> UInt32[np.ndarray, " n"]:
    """Checksums of the stretches of `data` of those lengths before `ends`."""
    longest = int(lengths.max(initial=0))
    tables, initial = _tables(-(-longest // 512) * 512)
    order = np.argsort(-lengths, kind="stable")  # long ones first: a shrinking front
    ends, sizes = ends[order], lengths[order]
    reaching = np.searchsorted(-sizes, -np.arange(1, longest + 1), "right")
    crc = initial[sizes]
    for k, count in enumerate(reaching.tolist()):  # k bytes before the last
        crc[:count] ^= tables[k][data[ends[:count] - 1 - k]]
    crc = ~crc
    masked = ((crc >> np.uint32(15)) | (crc << np.uint32(17))) + np.uint32(0xA282EAD8)
    found = np.empty_like(masked)
    found[order] = masked
    return found


@cache
def _tables(
    length: int,
) -> tuple[UInt32[np.ndarray, "b 256"], UInt32[np.ndarray, " b"]]:
    """What a byte adds so far from the end, and what the initial ones become."""
    byte = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        odd = (byte & np.uint32(1)).astype(bool)
        byte = (byte >> np.uint32(1)) ^ np.where(odd, np.uint32(POLYNOMIAL), 0).astype(
            np.uint32
        )
    tables = np.empty((max(length, 1), 256), np.uint32)
    initial = np.empty(length + 1, np.uint32)
    tables[0], initial[0] = byte, 0xFFFFFFFF
    for k in range(length):
        initial[k + 1] = (initial[k] >> np.uint32(8)) ^ byte[initial[k] & 0xFF]
        if k:
            before = tables[k - 1]
            tables[k] = (before >> np.uint32(8)) ^ byte[before & np.uint32(0xFF)]
    return tables, initial
