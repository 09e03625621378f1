"""Tables from the files that the benchmarks' authors publish.

    python -m thalweg.benchmarks.convert nats NATS-tss-v1_0-3ffb9-simple OUT.npz
    python -m thalweg.benchmarks.convert macro nas-bench-macro_cifar10.json OUT.npz
    python -m thalweg.benchmarks.convert fcnet fcnet_….hdf5 OUT.npz

NATS-Bench publishes pickles, which can run any code: they are opened by its own
package (`pip install nats_bench`), in your environment, and only what is measured is
kept. FCNet needs `h5py`.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from thalweg.benchmarks.fcnet import EPOCHS
from thalweg.benchmarks.fcnet import space as fcnet_space
from thalweg.cells import nasbench201 as cells
from thalweg.core.errors import InvalidInput, unknown_name

Arrays = dict[str, np.ndarray]
DATASETS = {  # the name here: trained on a part with a validation set; judged by tests
    "cifar10": ("cifar10-valid", "cifar10"),
    "cifar100": ("cifar100", "cifar100"),
    "ImageNet16_120": ("ImageNet16-120", "ImageNet16-120"),
}
SEEDS = 3  # trainings at most


def nats(api: Any) -> Arrays:
    """Of NATS-Bench's topology space, from an object of its own package."""
    count = len(api)
    arrays: Arrays = {"ops": np.zeros((count, len(cells.EDGES)), np.int8)}
    for name in DATASETS:
        arrays[f"{name}_val_200ep_seeds"] = np.full((count, SEEDS), np.nan)
        for part in ("val_12ep", "test_12ep", "test_200ep", "train_time_s_200ep"):
            arrays[f"{name}_{part}"] = np.full(count, np.nan)
        for part in ("latency_s", "params_M"):
            arrays[f"{name}_{part}"] = np.full(count, np.nan)
    for i in range(count):
        names = cells.from_string(api.arch(i))
        arrays["ops"][i] = [cells.OPERATIONS.index(name) for name in names]
        for name, (valid, test) in DATASETS.items():
            _nats_row(api, i, name, valid, test, arrays)
        api.arch2infos_dict.pop(i)  # hundreds of megabytes in the end
    return {k: v if k == "ops" else v.astype(np.float32) for k, v in arrays.items()}


def _nats_row(
    api: Any, i: int, name: str, valid: str, test: str, arrays: Arrays
) -> None:
    for hp in ("12", "200"):
        judged = api.get_more_info(i, test, hp=hp, is_random=False)
        arrays[f"{name}_test_{hp}ep"][i] = judged["test-accuracy"]
    info = api.get_more_info(i, valid, hp="12", is_random=False)
    arrays[f"{name}_val_12ep"][i] = info["valid-accuracy"]
    seeds = api.arch2infos_dict[i]["200"].get_dataset_seeds(valid)
    for j, seed in enumerate(sorted(seeds)[:SEEDS]):
        info = api.get_more_info(i, valid, hp="200", is_random=seed)
        arrays[f"{name}_val_200ep_seeds"][i, j] = info["valid-accuracy"]
        arrays[f"{name}_train_time_s_200ep"][i] = info["train-all-time"]
    cost = api.get_cost_info(i, valid, hp="200")
    arrays[f"{name}_latency_s"][i] = cost["latency"]
    arrays[f"{name}_params_M"][i] = cost["params"]


def macro(records: Mapping[str, Mapping[str, Any]]) -> Arrays:
    """Of NAS-Bench-Macro, from its JSON file's content."""
    archs = sorted(records)
    return {
        "ops": np.array([[int(digit) for digit in arch] for arch in archs], np.int8),
        "test_acc": _column(records, archs, "test_acc"),
        "params": _column(records, archs, "params"),
        "flops": _column(records, archs, "flops"),
    }


def _column(records: Mapping[str, Any], keys: Sequence[str], name: str) -> np.ndarray:
    return np.array([records[key][name] for key in keys], np.float64)


def fcnet(data: Mapping[str, Any]) -> Arrays:
    """Of one data set of FCNet, from its HDF5 file (or any mapping alike).

    The short trainings are the same trainings' earlier epochs.
    """
    space = fcnet_space()
    keys = list(data)
    values = [space.parameters[name].values for name in space.dimensions]  # type: ignore[attr-defined]
    index = np.zeros((len(keys), space.dim), np.int8)
    curves, times = [], []
    for i, key in enumerate(keys):
        config = json.loads(key)
        for j, name in enumerate(space.dimensions):
            index[i, j] = values[j].index(config[name])
        curves.append(np.asarray(data[key]["valid_mse"], np.float32))
        times.append(np.asarray(data[key]["runtime"], np.float32))
    curve = np.stack(curves)  # [rows, repeats, epochs]
    short = {f"val_loss_{e}ep": curve[:, :, e - 1] for e in EPOCHS}
    return {
        "config_index": index,
        "val_loss": curve[:, :, -1],
        "train_time": np.stack(times),
        **short,
    }


def _nats_api(path: Path) -> Any:
    try:
        from nats_bench import create  # type: ignore[import-not-found]
    except ImportError:
        raise InvalidInput(
            "NATS-Bench's pickles are opened by its own package, which is not "
            "installed. Run `pip install nats_bench`."
        ) from None
    return create(str(path), "topology", fast_mode=path.is_dir(), verbose=False)


def main(arguments: Sequence[str]) -> None:
    """Converts one file: its kind, where it is, where the table goes."""
    if len(arguments) != 3:
        raise InvalidInput(f"Three words are needed: kind, from, to.\n{__doc__}")
    kind, source, target = arguments[0], Path(arguments[1]), arguments[2]
    if kind == "nats":
        arrays = nats(_nats_api(source))
    elif kind == "macro":
        arrays = macro(json.loads(source.read_text()))
    elif kind == "fcnet":
        try:
            import h5py  # type: ignore[import-not-found]
        except ImportError:
            raise InvalidInput(
                "FCNet's files need `h5py`, which is not installed. Run "
                "`pip install h5py`."
            ) from None
        with h5py.File(source) as file:
            arrays = fcnet(file)
    else:
        raise unknown_name("kind of file", kind, ("nats", "macro", "fcnet"))
    np.savez_compressed(target, **arrays)  # type: ignore[arg-type]


if __name__ == "__main__":
    main(sys.argv[1:])
