"""The official file's reader and its table, against files made here and real bytes."""

import base64
import gzip
import json
import shutil
import struct
import time

import numpy as np
import pytest
from nasbench101_file import frames, measurements, message, row, varint, write

from thalweg.benchmarks import simulate
from thalweg.benchmarks.nasbench101 import NASBench, NASBench101, convert
from thalweg.benchmarks.nasbench101.model_metrics import decode
from thalweg.benchmarks.nasbench101.tfrecord import masked_crc, records
from thalweg.cells import ModelSpec, nasbench101
from thalweg.core.errors import DataError, InvalidInput, UnknownName

# a message of the official file, and what it says
OFFICIAL = base64.b64decode(
    "Ci0JAAAAAAAAAAARAAAAAAAAAAAZAAAAoKqquT8hAAAAYJAGuT8pAAAAAGmQuT8KLQkAAAAAAAAAQBEAAADA"
    "dJNGQBkAAABgkAa6PyEAAAAg3/K6PykAAACAy7e6PwotCQAAAAAAABBAEQAAACDbeVZAGQAAAEAaZNY/IQAA"
    "AGBVVdY/KQAAAODybdY/EIqYigQZAABAhznbeUA="
)
EVALUATIONS = [
    [0.0, 0.0, 0.1002604141831398, 0.09775640815496445, 0.09985977411270142],
    [2.0, 45.152000427246094, 0.10166265815496445, 0.10526842623949051,
     0.10436698794364929],
    [4.0, 89.90399932861328, 0.3498597741127014, 0.3489583432674408,
     0.3504607379436493],
]  # fmt: skip
C3, C1, MP = nasbench101.OPERATIONS


@pytest.fixture(scope="module")
def specs():
    rng = np.random.default_rng(0)
    rows = nasbench101.random_cells(40, rng)
    bare = ModelSpec([[0, 1], [0, 0]], ["input", "output"])
    chain = ModelSpec(np.eye(4, k=1), ["input", C3, MP, "output"])
    return [bare, chain, *nasbench101.specs(rows)]


@pytest.fixture(scope="module")
def official(specs, tmp_path_factory):
    file = tmp_path_factory.mktemp("nasbench101") / "nasbench_full.tfrecord"
    write(file, specs)
    return file


@pytest.fixture(scope="module")
def table(official):
    return NASBench101(official)


def test_checksums():
    """The check value of CRC-32C, masked as in TensorFlow."""
    crc = 0xE3069283
    masked = (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF
    assert masked_crc([b"123456789", b""]).tolist() == [masked, 0xA282EAD8]


def bitwise_crc(content):
    crc = 0xFFFFFFFF
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return ~crc & 0xFFFFFFFF


def test_checksums_bit_by_bit():
    rng = np.random.default_rng(0)
    contents = [rng.bytes(length) for length in (1, 600, 2, 255, 511, 512, 513, 0)]
    crc = np.array([bitwise_crc(content) for content in contents])
    masked = (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF
    assert masked_crc(contents).tolist() == masked.tolist()


def test_records_come_as_they_were_written(tmp_path):
    rng = np.random.default_rng(0)
    contents = [rng.bytes(int(n)) for n in rng.integers(0, 700, 300)]
    file = tmp_path / "some.tfrecord"
    file.write_bytes(frames(contents))
    assert [r for batch in records(file) for r in batch] == contents


def test_records_across_blocks(tmp_path, monkeypatch):
    from thalweg.benchmarks.nasbench101 import tfrecord

    contents = [bytes([i]) * (i + 1) for i in range(50)]
    file = tmp_path / "some.tfrecord"
    file.write_bytes(frames(contents))
    for size in (13, 1000):
        monkeypatch.setattr(tfrecord, "BLOCK", size)
        assert [r for batch in records(file) for r in batch] == contents


def test_a_message_of_the_official_file():
    values, parameters = decode([OFFICIAL])
    np.testing.assert_array_equal(values[0], EVALUATIONS)
    assert parameters.tolist() == [8_555_530]


def test_messages_in_other_orders_and_with_other_fields():
    evaluation = struct.pack("<Bd", 0x29, 0.5) + struct.pack("<Bd", 0x11, 7.0)
    evaluation += b"\x32\x03abc" + b"\x45" + struct.pack("<f", 1.5)  # to be skipped
    strange = b"\x10" + varint(300)
    strange += 3 * (b"\x0a" + varint(len(evaluation)) + evaluation)
    values, parameters = decode([strange, OFFICIAL])
    np.testing.assert_array_equal(values[0], [[0, 7.0, 0, 0, 0.5]] * 3)
    np.testing.assert_array_equal(values[1], EVALUATIONS)
    assert parameters.tolist() == [300, 8_555_530]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (OFFICIAL[:-3], "bytes|buffer"),
        (OFFICIAL[:60], "ends after"),
        (b"", "0 evaluations"),
        (OFFICIAL[:141], "no number"),
        (b"\x0b" + OFFICIAL, "wire type 3"),
        (b"\x10" + b"\xff" * 12, "ten bytes"),
        (b"hello, world", "."),
    ],
)
def test_what_is_no_message_is_named(bad, reason):
    with pytest.raises(DataError, match=f"1: .*{reason}"):
        decode([OFFICIAL, bad])


def attacks(whole):
    """Broken files, and what is said of them."""
    flipped = bytearray(whole)
    flipped[200] ^= 1
    second = 16 + int.from_bytes(whole[:8], "little")
    length = bytearray(whole)
    length[second] ^= 1
    longer = bytearray(whole)
    longer[second + 4] ^= 1
    yield whole[:-5], "ends in the middle of record 503 .*cut off"
    yield whole[: second + 7], "ends in the middle of record 1 .*cut off"
    yield bytes(flipped), r"Record 0 of .*\(byte 0\) is damaged"
    yield bytes(length), rf"Record 1 of .*\(byte {second}\) is damaged"
    yield bytes(longer), rf"Record 1 of .*\(byte {second}\) is damaged"
    yield gzip.compress(whole), "compressed"
    yield b"", "is empty"
    yield b"short", "is no TFRecord file"
    yield b"PK" + whole[2:], "is no TFRecord file"
    good = json.loads(whole[12 : second - 4])
    for place, value, sentence in (
        (0, "xyz", "MD5"),
        (1, "108", "is no list"),
        (2, "01", "no cell"),
        (2, good[2][:-1] + "2", "no cell"),
        (2, good[2][:-1] + "1", "no cell"),
        (2, "0" * len(good[2]), "no cell"),
        (3, "input,relu,output", "no cell"),
        (3, "input", "no cell"),
        (4, "%%%", "ModelMetrics|base64"),
        (4, "a", "base64"),
        (4, base64.b64encode(b"no metrics").decode(), "ModelMetrics"),
    ):
        row = [*good]
        row[place] = value
        yield frames([json.dumps(row).encode()]), f"Record 0 of .*{sentence}"
    yield whole + frames([b"{"]), "Record 504 of .*is no list"
    yield whole + frames([b"1,2"]), "Record 504 of .*is no list"
    yield whole + frames([whole[12 : second - 4]]), "Record 504 of .*is repeat 4"


def test_broken_files_get_one_sentence(official, tmp_path):
    for number, (content, sentence) in enumerate(attacks(official.read_bytes())):
        file = tmp_path / f"broken{number}.tfrecord"
        file.write_bytes(content)
        with pytest.raises(DataError, match=sentence) as raised:
            NASBench101(file)
        assert str(file) in str(raised.value)
        assert len(str(raised.value)) < 500
        assert len(list(tmp_path.glob(f"broken{number}*"))) == 1, "no cache of it"


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InvalidInput, match="NAS-Bench-101 needs its table"):
        NASBench101(tmp_path / "nowhere.tfrecord")


def test_queries_are_the_file_s(specs, table, official):
    rng = np.random.default_rng(0)  # as the file was written
    for spec in specs:
        ops = spec.cell()[1]
        worth = 0.8 + 0.02 * ops.count(C3) + 0.01 * len(ops)
        fixed, computed = table.get_metrics_from_spec(spec)
        np.testing.assert_array_equal(fixed["module_adjacency"], spec.matrix)
        assert fixed["module_operations"] == ops
        assert fixed["trainable_parameters"] == 1_000_000 * len(ops)
        assert sorted(computed) == [4, 12, 36, 108]
        for epochs in (4, 12, 36, 108):
            for repeat in range(3):
                values = measurements(rng, worth, epochs)
                got = computed[epochs][repeat]
                assert got["halfway_training_time"] == values[1, 1]
                assert got["halfway_validation_accuracy"] == values[1, 3]
                assert got["final_training_time"] == values[2, 1]
                assert got["final_train_accuracy"] == values[2, 2]
                assert got["final_validation_accuracy"] == values[2, 3]
                assert got["final_test_accuracy"] == values[2, 4]


def test_hashes(specs, table):
    hashes = list(table.hash_iterator())
    assert hashes == [spec.hash_spec() for spec in specs]
    fixed, _ = table.get_metrics_from_hash(hashes[1])
    assert fixed["module_operations"] == ["input", C3, MP, "output"]
    with pytest.raises(UnknownName, match="no cell of hash 'abc'"):
        table.get_metrics_from_hash("abc")


def test_query_draws_repeats_and_counts(specs, official):
    nasbench = NASBench(official, seed=1)
    _, computed = nasbench.get_metrics_from_spec(specs[3])
    assert nasbench.get_budget_counters() == (0.0, 0)
    found = [nasbench.query(specs[3]) for _ in range(40)]
    assert list(found[0]) == [
        "module_adjacency", "module_operations", "trainable_parameters",
        "training_time", "train_accuracy", "validation_accuracy", "test_accuracy",
    ]  # fmt: skip
    drawn = {f["validation_accuracy"] for f in found}
    assert drawn == {r["final_validation_accuracy"] for r in computed[108]}
    seconds, epochs = nasbench.get_budget_counters()
    assert seconds == pytest.approx(sum(f["training_time"] for f in found))
    assert epochs == 40 * 108
    nasbench.reset_budget_counters()
    half = nasbench.query(specs[3], epochs=36, stop_halfway=True)
    assert nasbench.get_budget_counters() == (half["training_time"], 18)
    halves = {r["halfway_test_accuracy"] for r in computed[36]}
    assert half["test_accuracy"] in halves
    again = NASBench(official, seed=1)
    same = [again.query(specs[3])["test_accuracy"] for _ in range(40)]
    assert same == [f["test_accuracy"] for f in found]


def test_isomorphic_cells_are_one(specs, table):
    spec = next(s for s in specs if len(s.ops) == 7)
    for i in range(1, 5):
        order = [0, *range(1, 6), 6]
        order[i], order[i + 1] = order[i + 1], order[i]
        if not spec.matrix[i, i + 1]:
            other = spec.permuted(order)
            assert table.get_metrics_from_spec(other) is not None
            assert table._row(other) == table._row(spec)


def test_bad_questions_get_one_sentence(specs, table):
    with pytest.raises(InvalidInput, match="must be one of"):
        table.query(specs[0], epochs=100)
    absent = ModelSpec(np.eye(6, k=1), ["input", MP, MP, MP, MP, "output"])
    assert table.is_valid(absent)
    with pytest.raises(InvalidInput, match="holds 42 of 423,624 cells"):
        table.query(absent)
    wrong = ModelSpec(np.eye(3, k=1), ["input", "relu", "output"])
    assert not table.is_valid(wrong)
    with pytest.raises(InvalidInput, match="'relu'"):
        table.query(wrong)
    assert not table.is_valid(ModelSpec(np.zeros((2, 2)), ["input", "output"]))


def test_it_is_a_table_like_the_others(specs, table):
    assert len(table) == len(specs)
    assert table.fidelities == (4 / 108, 12 / 108, 36 / 108, 1.0)
    x = nasbench101.rows(specs)
    found = table.evaluate(x)
    _, computed = table.get_metrics_from_spec(specs[5])
    mean = np.mean([r["final_validation_accuracy"] for r in computed[108]])
    assert found.losses[5, 0] == pytest.approx(100 - 100 * mean)
    assert table.minimum == found.losses.min()
    np.testing.assert_array_equal(table.cube(np.arange(len(specs))), x)
    config = table.space.decode(x[5:6])[0]
    assert table(config) == pytest.approx(found.losses[5, 0])
    assert table(table.best) == table.minimum
    short = table.evaluate(x, budget=4 / 108)
    assert (short.seconds < found.seconds).all()
    drawn = table.evaluate(x, seed=0).losses[5, 0]
    every = [100 - 100 * r["final_validation_accuracy"] for r in computed[108]]
    assert any(drawn == pytest.approx(value) for value in every)


def test_rows_need_not_be_canonical(specs, table):
    u = np.random.default_rng(0).random((200, 26))
    canonical = table.space.canonical(u)
    np.testing.assert_array_equal(table.rows(u), table.rows(canonical))


def test_metrics_are_told_apart(official):
    validation, test = NASBench101(official), NASBench101(official, metric="test")
    assert validation.minimum != test.minimum
    with pytest.raises(UnknownName, match="validation"):
        NASBench101(official, metric="validaton")


def test_the_official_file_is_converted_once(official, tmp_path):
    source = tmp_path / "nasbench_only108.tfrecord"
    shutil.copyfile(official, source)
    before = source.read_bytes()
    NASBench101(source)
    assert [p.name for p in sorted(tmp_path.iterdir())] == [
        source.name, source.name + ".thalweg.npz"
    ]  # fmt: skip
    assert source.read_bytes() == before
    kept = source.with_name(source.name + ".thalweg.npz")
    made = kept.stat().st_mtime_ns
    NASBench101(source)
    assert kept.stat().st_mtime_ns == made
    source.unlink()
    assert len(NASBench101(kept)) == 42


def test_nothing_is_written_over(official, tmp_path):
    source, mine = tmp_path / "a.tfrecord", tmp_path / "mine.npz"
    shutil.copyfile(official, source)
    np.savez(mine, x=np.zeros(3))
    before = mine.read_bytes()
    with pytest.raises(DataError, match="must hold"):
        NASBench101(source, cache=mine)
    with pytest.raises(InvalidInput, match="is there"):
        convert(source, mine)
    assert mine.read_bytes() == before
    NASBench101(source, cache=False)
    assert sorted(tmp_path.iterdir()) == [source, mine]
    elsewhere = tmp_path / "deep" / "cache.npz"
    NASBench101(source, cache=elsewhere)
    assert elsewhere.exists()


def test_a_cache_of_another_file_is_refused(official, specs, tmp_path):
    source = tmp_path / "a.tfrecord"
    write(source, specs[:3], epochs=(108,))
    assert NASBench101(source).fidelities == (1.0,)
    write(source, specs[:4], epochs=(108,))
    with pytest.raises(InvalidInput, match="made from another file"):
        NASBench101(source)


def test_tables_without_full_trainings_are_refused(specs, tmp_path):
    source = tmp_path / "short.tfrecord"
    write(source, specs[:2], epochs=(4, 12))
    with pytest.raises(DataError, match="108 epochs"):
        NASBench101(source, cache=False)


def test_missing_repeats_are_missing(specs, tmp_path):
    source = tmp_path / "few.tfrecord"
    rng = np.random.default_rng(0)
    values = [measurements(rng, 0.9, 108) for _ in range(3)]
    rows = [row(specs[1], 108, message(values[i], 5)) for i in range(2)]
    rows.append(row(specs[0], 4, message(values[2], 5)))
    source.write_bytes(frames(rows))
    table = NASBench101(source, cache=False)
    _, computed = table.get_metrics_from_spec(specs[1])
    assert [len(computed[e]) for e in computed] == [2]
    assert len({table.query(specs[1])["test_accuracy"] for _ in range(30)}) == 2
    with pytest.raises(InvalidInput, match="no training of 108 epochs"):
        table.query(specs[0])
    assert np.isnan(table.evaluate(nasbench101.rows(specs[:1])).losses).all()


def test_numbers_that_need_double_precision_keep_it(specs, tmp_path):
    source = tmp_path / "double.tfrecord"
    values = np.full((3, 5), 0.1)
    source.write_bytes(frames([row(specs[1], 108, message(values, 5))]))
    table = NASBench101(source, cache=False)
    assert table.query(specs[1])["test_accuracy"] == 0.1


def test_searches_run_on_it(table):
    curve = simulate(table, "random", evaluations=20, batch=5)
    assert len(curve) == 20


@pytest.mark.slow
def test_a_file_of_thousands_loads(tmp_path):
    """Figures are printed; `pytest -s` shows them."""
    rows = nasbench101.random_cells(3000, np.random.default_rng(1))
    source = tmp_path / "thousands.tfrecord"
    specs = nasbench101.specs(np.unique(rows, axis=0))
    write(source, specs)
    start = time.process_time()
    first = NASBench101(source)
    middle = time.process_time()
    second = NASBench101(source)
    end = time.process_time()
    assert second.minimum == first.minimum
    assert len(first) == len(specs)
    shown = f"{source.stat().st_size / 1e6:.0f} MB: {middle - start:.1f} s to convert"
    print(f"{shown}, {end - middle:.2f} s to load")  # noqa: T201
