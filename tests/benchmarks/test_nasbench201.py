"""NAS-Bench-201: cells as text, the official questions, the published numbers."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thalweg.benchmarks import NASBench201
from thalweg.cells import nasbench201 as cells
from thalweg.core.errors import InvalidInput, UnknownName


@given(st.lists(st.sampled_from(cells.OPERATIONS), min_size=6, max_size=6))
def test_text_and_operations_are_the_same_cell(operations: list[str]):
    assert cells.from_string(cells.to_string(operations)) == tuple(operations)


def test_a_cell_is_written_as_its_users_write_it():
    operations = ("nor_conv_3x3", "none", "nor_conv_1x1")
    operations += ("skip_connect", "avg_pool_3x3", "none")
    assert cells.to_string(operations) == (
        "|nor_conv_3x3~0|+|none~0|nor_conv_1x1~1|+"
        "|skip_connect~0|avg_pool_3x3~1|none~2|"
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "|none~0|",
        "|none~0|+|none~0|none~1|+|none~0|none~1|",
        "|none~1|+|none~0|none~1|+|none~0|none~1|none~2|",
        "none~0|+|none~0|none~1|+|none~0|none~1|none~2|",
        "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|+",
        "|none~0||+|none~0|none~1|+|none~0|none~1|none~2|",
    ],
)
def test_text_that_is_no_cell_is_refused(text: str):
    with pytest.raises(InvalidInput, match="is written like"):
        cells.from_string(text)


def test_an_unknown_operation_suggests_the_nearest():
    with pytest.raises(UnknownName, match="Did you mean 'nor_conv_3x3'"):
        cells.from_string("|nor_conv_3x4~0|+|none~0|none~1|+|none~0|none~1|none~2|")
    with pytest.raises(InvalidInput, match="6 operations, but got 2"):
        cells.to_string(["none", "none"])


def test_cells_are_rows_by_text_number_and_configuration(nasbench201_file: Path):
    bench = NASBench201(path=nasbench201_file)
    assert len(bench) == bench.space.size == 15625
    for row in (0, 7, 15624):
        assert bench.query_index_by_arch(bench[row]) == row
        assert list(bench.config(row).values()) == list(cells.from_string(bench[row]))
    assert len(set(bench)) == 15625
    with pytest.raises(IndexError):
        bench[15625]


def test_the_official_questions(nasbench201_file: Path):
    bench = NASBench201("cifar10", path=nasbench201_file)
    row, accuracy = bench.find_best("cifar10", "test")
    assert bench[row] == cells.to_string(["nor_conv_3x3"] * 6)
    assert accuracy == 83  # six times 12, 10, and 1 for the test
    info = bench.get_more_info(row, "cifar10-valid", hp="200")
    assert sorted(info) == ["train-all-time", "train-per-time", "valid-accuracy"]
    assert info["train-all-time"] == 1820
    assert info["train-per-time"] == pytest.approx(9.1)
    whole = bench.get_more_info(bench[row], "cifar10", hp="200")
    assert whole["test-accuracy"] == accuracy
    assert whole["train-all-time"] == 2 * 1820  # all images in place of half of them
    both = bench.get_more_info(row, "ImageNet16-120", hp="12")
    assert both["valid-accuracy"] == pytest.approx(0.8 * 82 - 2)
    assert both["test-accuracy"] == pytest.approx(0.8 * 82 + 2)
    assert bench.get_cost_info(row, "cifar10")["flops"] == 82
    text = bench.query_by_arch(bench[row])
    assert bench[row] in text
    assert "valid-accuracy 65.60" in text


def test_the_simulated_clock_adds_up(nasbench201_file: Path):
    bench = NASBench201(path=nasbench201_file)
    accuracy, latency, seconds, total = bench.simulate_train_eval(bench[3], "cifar10")
    assert accuracy == bench.get_more_info(3, "cifar10-valid")["valid-accuracy"]
    assert latency == pytest.approx(bench.get_cost_info(3, "cifar10")["latency"])
    assert seconds == total == bench.used_time
    bench.simulate_train_eval(4, "cifar100", hp="200")
    assert bench.used_time > 10 * seconds
    before = bench.used_time
    bench.simulate_train_eval(4, "cifar100", account_time=False)
    assert bench.used_time == before
    bench.reset_time()
    assert bench.used_time == 0


def test_metrics_epochs_and_repeats(nasbench201_file: Path):
    bench = NASBench201(path=nasbench201_file)
    assert bench.fidelities == (0.06, 1.0)
    config = bench.config(1)
    valid = bench.get_more_info(1, "cifar10-valid", hp="200")["valid-accuracy"]
    assert bench(config) == pytest.approx(100 - valid)
    drawn = {
        bench.get_more_info(1, "cifar10-valid", hp="200", is_random=True)[
            "valid-accuracy"
        ]
        for _ in range(60)
    }
    assert len(drawn) == 3
    assert np.mean(list(drawn)) == pytest.approx(valid)
    short = NASBench201(epochs=12, path=nasbench201_file)
    assert short.fidelities == (1.0,)
    assert short(config) == bench(config, budget=0.06)
    seconds = short.evaluate([config]).seconds
    assert seconds == pytest.approx(bench.evaluate([config]).seconds * 0.06)
    assert bench.noisy
    assert not NASBench201(metric="test", path=nasbench201_file).noisy


def test_bad_names_are_refused(nasbench201_file: Path):
    with pytest.raises(UnknownName, match="cifar100"):
        NASBench201("cifar1000", path=nasbench201_file)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="12 or 200"):
        NASBench201(epochs=90, path=nasbench201_file)  # type: ignore[arg-type]
    bench = NASBench201(path=nasbench201_file)
    with pytest.raises(UnknownName, match="schedule"):
        bench.get_more_info(0, "cifar10", hp="90")
    with pytest.raises(InvalidInput, match="last epoch"):
        bench.get_more_info(0, "cifar10", iepoch=3)  # type: ignore[arg-type]


def test_the_real_table_has_the_published_optima(shared_data: Path):
    if not (shared_data / "nasbench201" / "nasbench201.npz").is_file():
        pytest.skip(f"needs nasbench201/nasbench201.npz in {shared_data}")
    bench = NASBench201("cifar100", path=shared_data)
    published = {"cifar10": 94.37, "cifar100": 73.51, "ImageNet16-120": 47.31}
    for name, accuracy in published.items():
        assert bench.find_best(name, "test")[1] == pytest.approx(accuracy, abs=0.01)
    assert bench.find_best("cifar10-valid")[1] == pytest.approx(91.61, abs=0.01)
    arch = "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+"
    arch += "|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"
    assert bench.query_index_by_arch(arch) == 0
    # the official record of this cell: 12 epochs, mean of its two trainings
    accuracy, _, seconds, _ = bench.simulate_train_eval(arch, "cifar10")
    assert accuracy == pytest.approx(63.364, abs=1e-3)
    assert seconds == pytest.approx(12 * 7.221093, rel=1e-6)
