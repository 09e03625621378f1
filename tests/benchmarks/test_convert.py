"""The authors' files become tables; stand-ins have the shape of theirs."""

import itertools
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from thalweg.benchmarks import FCNet, NASBench201, NASBenchMacro, convert
from thalweg.benchmarks.fcnet import space as fcnet_space
from thalweg.cells import nasbench201 as cells
from thalweg.core.errors import InvalidInput, UnknownName


class OfficialAPI:
    """Three cells as NATS-Bench's package answers for them."""

    archs = tuple(cells.to_string([name] * 6) for name in cells.OPERATIONS[:3])

    def __init__(self):
        seeds = SimpleNamespace(get_dataset_seeds=lambda dataset: [888, 777])
        self.arch2infos_dict = {i: {"200": seeds} for i in range(3)}

    def __len__(self):
        return len(self.archs)

    def arch(self, i):
        return self.archs[i]

    def get_cost_info(self, i, dataset, hp):
        return {"latency": 0.01 * (i + 1), "params": 0.5}

    def get_more_info(self, i, dataset, hp, is_random):
        base = 10.0 * (i + 1) + (20 if hp == "200" else 0)
        info = {"train-all-time": 1000.0 + i}
        if dataset != "cifar10":
            info["valid-accuracy"] = base + (is_random - 777 if is_random else 0) / 111
        if dataset != "cifar10-valid":
            info["test-accuracy"] = base + 5
        return info


def test_nats(tmp_path: Path):
    arrays = convert.nats(OfficialAPI())
    np.savez(tmp_path / "t.npz", **arrays)
    bench = NASBench201(path=tmp_path / "t.npz")
    assert len(bench) == 3
    assert list(bench) == list(OfficialAPI.archs)
    assert arrays["cifar10_val_200ep_seeds"][1, :2].tolist() == [40, 41]
    assert np.isnan(arrays["cifar10_val_200ep_seeds"][1, 2])
    info = bench.get_more_info(1, "cifar10-valid", hp="200")
    assert info["valid-accuracy"] == 40.5
    assert info["train-all-time"] == 1001
    assert bench.get_more_info(2, "cifar100", hp="12")["test-accuracy"] == 35
    assert bench.get_cost_info(0, "cifar10")["latency"] == pytest.approx(0.01)


def test_macro(tmp_path: Path):
    records = {}
    for digits in itertools.product("012", repeat=8):
        worth = sum(map(int, digits))
        records["".join(digits)] = {
            "test_acc": [worth - 1, worth, worth + 1],
            "params": 10 * worth,
            "flops": 100 * worth,
        }
    source, target = tmp_path / "macro.json", tmp_path / "macro.npz"
    source.write_text(json.dumps(records))
    convert.main(["macro", str(source), str(target)])
    found = NASBenchMacro(path=target).query("01201200")
    assert found == {"mean_acc": 6.0, "params": 60.0, "flops": 600.0}


def test_fcnet(tmp_path: Path):
    space = fcnet_space()
    configs = space.decode(space.canonical(np.random.default_rng(0).random((40, 9))))
    data = {
        json.dumps(config, sort_keys=True): {
            "valid_mse": np.linspace(9, 1 + i, 100) + np.arange(4)[:, None],
            "runtime": np.full(4, 50.0 + i),
        }
        for i, config in enumerate(configs)
    }
    np.savez(tmp_path / "f.npz", **convert.fcnet(data))
    bench = FCNet("slice", log=False, path=tmp_path / "f.npz")
    assert bench.fidelities == (0.03, 0.11, 0.33, 1.0)
    found = bench.evaluate(configs)
    np.testing.assert_allclose(found.losses[:, 0], np.arange(40) + 2.5)
    np.testing.assert_allclose(found.seconds, 50 + np.arange(40))
    short = bench.evaluate(configs, budget=0.34)
    expected = [np.linspace(9, 1 + i, 100)[32] + 1.5 for i in range(40)]
    np.testing.assert_allclose(short.losses[:, 0], expected, rtol=1e-6)
    np.testing.assert_allclose(short.seconds, 0.33 * found.seconds, rtol=1e-6)


def test_words_that_make_no_sense_are_refused():
    with pytest.raises(InvalidInput, match="Three words"):
        convert.main(["macro"])
    with pytest.raises(UnknownName, match="'macro'"):
        convert.main(["macros", "a", "b"])
