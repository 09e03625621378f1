"""Arrays on disk, without pickle: safetensors for weights, `.npz` bytes for states.

The safetensors format is https://github.com/huggingface/safetensors (8 bytes of length,
a JSON header, raw little-endian arrays), which most frameworks read.
"""

import io
import json
import os
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from thalweg.core.errors import InvalidInput, StoreError
from thalweg.store import codec
from thalweg.store.faults import explained

TEMPORARY = ".thalweg-"  # how the name of a half-written file begins

_DTYPES = {
    "BOOL": "?",
    **{f"I{bits}": f"<i{bits // 8}" for bits in (8, 16, 32, 64)},
    **{f"U{bits}": f"<u{bits // 8}" for bits in (8, 16, 32, 64)},
    **{f"F{bits}": f"<f{bits // 8}" for bits in (16, 32, 64)},
}


def write_atomic(path: Path, data: bytes) -> None:
    """Write `path` whole or not at all, and have it on the disk when this returns."""
    draft = path.with_name(f"{TEMPORARY}{os.getpid()}-{path.name}")
    with explained(path):
        try:
            with draft.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)


def save_arrays(
    path: Path, arrays: Mapping[str, Any], *, metadata: Mapping[str, Any] | None = None
) -> None:
    """Named arrays and any JSON `metadata` as one safetensors file, atomically."""
    plain = {name: _contiguous(name, value) for name, value in arrays.items()}
    header = {"thalweg": codec.dumps(dict(metadata or {}))}
    write_atomic(path, safetensors.numpy.save(plain, header))


def load_arrays(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays and the metadata of a file that `save_arrays` wrote."""
    with explained(path):
        data = Path(path).read_bytes()
    try:
        tensors = safetensors.deserialize(data)
        size = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + size]).get("__metadata__") or {}
        arrays = {name: _array(tensor) for name, tensor in tensors}
    except (safetensors.SafetensorError, ValueError, KeyError) as error:
        raise StoreError(
            f"{path} is not a whole safetensors file ({error}). "
            "Restore a copy of it, or train again."
        ) from error
    return arrays, codec.loads(header.get("thalweg", "{}"))


def pack(leaves: Sequence[Any]) -> bytes:
    """A list of arrays as bytes: the same arrays give the same bytes."""
    arrays = []
    for place, leaf in enumerate(leaves):
        array = np.asarray(leaf)
        if array.dtype.kind not in "?biufcUS":
            raise InvalidInput(
                "A state's leaves must be arrays of numbers or texts, but leaf "
                f"{place} has dtype {array.dtype}. Keep such parts out of the state."
            )
        arrays.append(array)
    buffer = io.BytesIO()
    np.savez(buffer, *arrays)
    return buffer.getvalue()


def unpack(data: bytes) -> list[np.ndarray]:
    """The arrays that `pack` was given."""
    if not data:
        return []
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            return [file[f"arr_{place}"] for place in range(len(file.files))]
    except (ValueError, KeyError, OSError, zipfile.BadZipFile) as error:
        raise StoreError(
            f"A recorded state can't be read ({error}). Restore a copy of the run "
            "directory, or start again in a new one."
        ) from error


def _contiguous(name: str, value: Any) -> np.ndarray:
    """In C order: safetensors writes the memory as it lies, whatever the strides."""
    array = np.asarray(value)
    if array.dtype.kind not in "?biuf" and array.dtype.name != "bfloat16":
        raise InvalidInput(
            f"Weights must be numbers, but {name!r} has dtype {array.dtype}. "
            "Keep it out of the arrays, or put it into `metadata`."
        )
    return np.array(array, order="C", ndmin=0)


def _array(tensor: Mapping[str, Any]) -> np.ndarray:
    if tensor["dtype"] == "BF16":
        import ml_dtypes  # comes with JAX

        dtype: Any = ml_dtypes.bfloat16
    else:
        dtype = np.dtype(_DTYPES[tensor["dtype"]])
    return np.frombuffer(bytearray(tensor["data"]), dtype).reshape(tensor["shape"])


def _sync_folder(folder: Path) -> None:
    """Have the new name itself on the disk, where the system can."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
