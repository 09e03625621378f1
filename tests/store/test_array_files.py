"""Arrays on disk."""

from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy

from thalweg.core.errors import InvalidInput, StoreError
from thalweg.store import load_arrays, pack, save_arrays, unpack, write_atomic

ARRAYS = {
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "strided": np.arange(12, dtype="f4").reshape(3, 4)[:, ::2],
    "reversed": np.arange(5)[::-1],
    "broadcast": np.broadcast_to(np.float32(2), (3, 2)),
    "big_endian": np.arange(3, dtype=">f4"),
    "scalar": np.float32(0.1),
    "empty": np.zeros((0, 3), "f2"),
    "flags": np.asarray([True, False]),
    "key": np.asarray([1, 2**32 - 1], "u4"),
    "half": np.asarray([1.5, np.nan], ml_dtypes.bfloat16),
    "unusual": np.asarray([np.nan, np.inf, -0.0, 5e-324]),
}


def test_arrays_come_back(tmp_path: Path):
    path = tmp_path / "a.safetensors"
    save_arrays(path, ARRAYS, metadata={"seed": 3, "loss": float("inf"), "t": (1,)})
    arrays, metadata = load_arrays(path)
    assert metadata == {"seed": 3, "loss": float("inf"), "t": (1,)}
    assert set(arrays) == set(ARRAYS)
    for name, put in ARRAYS.items():
        got = arrays[name]
        assert got.shape == put.shape, name
        assert got.dtype == put.dtype.newbyteorder("="), name
        assert got.tobytes() == put.astype(got.dtype).tobytes(), name
        assert got.size == 0 or got.flags.writeable


def test_other_readers_read_them(tmp_path: Path):
    path = tmp_path / "a.safetensors"
    save_arrays(path, {"kernel": ARRAYS["fortran"]})
    np.testing.assert_array_equal(
        safetensors.numpy.load_file(path)["kernel"], ARRAYS["fortran"]
    )


@pytest.mark.parametrize("bad", [np.asarray(["a"]), np.asarray([{}], object)])
def test_only_numbers_are_weights(bad, tmp_path: Path):
    with pytest.raises(InvalidInput, match="'x' has dtype"):
        save_arrays(tmp_path / "a", {"x": bad})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("keep", [0, 5, 20, -1])
def test_a_torn_file_is_named(keep, tmp_path: Path):
    path = tmp_path / "a.safetensors"
    save_arrays(path, {"x": np.arange(3.0)})
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(StoreError, match=r"a\.safetensors is not a whole"):
        load_arrays(path)


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(StoreError, match=r"no\.safetensors does not exist"):
        load_arrays(tmp_path / "no.safetensors")


def test_packing_is_deterministic_and_whole():
    leaves = [np.arange(3), np.float32(0.5), np.asarray("name"), np.zeros((0, 2))]
    assert pack(leaves) == pack(leaves)
    got = unpack(pack(leaves))
    for a, b in zip(got, leaves, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)
    assert unpack(pack([])) == unpack(b"") == []


def test_packing_more_than_ten_keeps_the_order():
    got = unpack(pack([np.asarray(i) for i in range(25)]))
    assert [int(a) for a in got] == list(range(25))


@pytest.mark.parametrize("bad", [np.asarray([{}], object), ARRAYS["half"]])
def test_what_would_need_pickle_is_refused(bad):
    with pytest.raises(InvalidInput, match="leaf 1 has dtype"):
        pack([np.zeros(1), bad])


@pytest.mark.parametrize("data", [b"junk", pack([np.arange(9)])[:-30]])
def test_a_torn_state_is_refused(data):
    with pytest.raises(StoreError, match="recorded state can't be read"):
        unpack(data)


def test_atomic_writing_leaves_old_or_new(tmp_path: Path, monkeypatch):
    path = tmp_path / "file"
    write_atomic(path, b"old")

    def stop(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", stop)
        with pytest.raises(KeyboardInterrupt):
            write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    write_atomic(path, b"new")
    assert path.read_bytes() == b"new"
