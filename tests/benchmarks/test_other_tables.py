"""NAS-Bench-Macro, FCNet and HPOBench: made-up files, and the published optima."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from thalweg.benchmarks import FCNet, HPOBench, NASBenchMacro, simulate
from thalweg.benchmarks.fcnet import space as fcnet_space
from thalweg.benchmarks.hpobench import space as hpobench_space
from thalweg.core.errors import InvalidInput, UnknownName


def grid(levels: Any) -> np.ndarray:
    return np.array(list(itertools.product(*map(range, levels))), np.int8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Losses that grow with the sum of the positions; repeats 1 apart."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "nas_bench_macro").mkdir()
    (folder / "hpo_tables").mkdir()
    ops = grid([3] * 8)[::-1]
    accuracy = 50.0 + ops.sum(1)[:, None] + np.array([-1.0, 0, 1])
    file = folder / "nas_bench_macro" / "nas_bench_macro.npz"
    np.savez(file, ops=ops, test_acc=accuracy, params=ops.sum(1) * 1e6)
    index = grid(fcnet_space().levels)
    loss = 1.0 + index.sum(1)[:, None] + np.array([-0.5, 0.5, -0.5, 0.5])
    seconds = np.full(loss.shape, 100.0)
    file = folder / "hpo_tables" / "fcnet_slice_localization.npz"
    np.savez(file, config_index=index, val_loss=loss, train_time=seconds)
    index = grid(hpobench_space().levels)
    accuracy = index.sum(1)[:, None] / 100 + np.zeros(5)
    file = folder / "hpo_tables" / "hpobench_nn_car.npz"
    arrays = {"val_acc": accuracy, "val_f1": accuracy / 2, "train_time": accuracy + 1}
    np.savez(file, config_index=index, **arrays)
    return folder


def test_macro_is_asked_by_digits(folder: Path):
    bench = NASBenchMacro(path=folder)
    assert len(bench) == bench.space.size == 6561
    assert bench.query("22222222") == {"mean_acc": 66.0, "params": 16e6}
    assert bench.minimum == 34
    row = bench.rows([bench.best])[0]
    assert bench.arch(row) == "22222222"
    assert bench.noisy
    with pytest.raises(InvalidInput, match="eight digits"):
        bench.query("2222222x")
    with pytest.raises(InvalidInput, match="no record of training times"):
        simulate(bench, "random", seconds=100)


def test_fcnet_takes_the_logarithm_of_the_mean(folder: Path):
    plain = FCNet("slice", log=False, path=folder)
    bench = FCNet("slice", path=folder)
    assert len(bench) == bench.space.size == 62_208
    configs = [bench.config(row) for row in (0, 77, 60_000)]
    np.testing.assert_allclose(
        np.exp(bench.evaluate(configs).losses), plain.evaluate(configs).losses
    )
    assert plain.minimum == 1
    assert bench.minimum == 0
    drawn = np.exp(bench.evaluate(configs[:1] * 30, seed=0).losses)
    assert set(np.round(drawn[:, 0], 6)) == {0.5, 1.5}
    assert len(simulate(bench, "random", seconds=1000)) == 10
    with pytest.raises(UnknownName, match="slice"):
        FCNet("slices", path=folder)  # type: ignore[arg-type]


def test_hpobench_has_two_metrics(folder: Path):
    bench = HPOBench("car", path=folder)
    assert len(bench) == bench.space.size == 30_000
    assert bench.minimum == pytest.approx(1 - 0.38)
    assert HPOBench("car", metric="f1", path=folder).minimum == pytest.approx(1 - 0.19)
    assert bench.best["width"] == 1024
    with pytest.raises(UnknownName, match="credit_g"):
        HPOBench("credit", path=folder)
    with pytest.raises(InvalidInput, match="neither a file"):
        HPOBench("kc1", path=folder)


PUBLISHED = [
    (NASBenchMacro, {}, "nas_bench_macro/nas_bench_macro.npz", 100 - 93.127),
    (
        FCNet,
        {"dataset": "protein", "log": False},
        "hpo_tables/fcnet_protein_structure.npz",
        0.2214,
    ),
    (
        FCNet,
        {"dataset": "slice", "log": False},
        "hpo_tables/fcnet_slice_localization.npz",
        1.92e-4,
    ),
]


@pytest.mark.parametrize(("kind", "arguments", "file", "minimum"), PUBLISHED)
def test_real_tables_have_the_published_optima(
    shared_data: Path, kind: Any, arguments: Any, file: str, minimum: float
):
    if not (shared_data / file).is_file():
        pytest.skip(f"needs {file} in {shared_data}")
    bench = kind(**arguments, path=shared_data)
    assert bench.minimum == pytest.approx(minimum, rel=3e-3)
    assert len(bench) == bench.space.size


def test_the_real_hpobench_table_is_complete(shared_data: Path):
    if not (shared_data / "hpo_tables" / "hpobench_nn_segment.npz").is_file():
        pytest.skip(f"needs hpo_tables/hpobench_nn_segment.npz in {shared_data}")
    bench = HPOBench("segment", path=shared_data)
    assert len(bench) == bench.space.size
    assert 0 < bench.minimum < 0.1
