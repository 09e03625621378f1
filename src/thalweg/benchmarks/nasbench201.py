"""NAS-Bench-201: 15,625 cells trained on three data sets.

Dong & Yang 2020, https://arxiv.org/abs/2001.00326; the topology space of NATS-Bench,
Dong et al. 2021, https://arxiv.org/abs/2009.00437. The questions that its users ask
have the names and arguments of the official `nas_201_api`.
Departs from it: accuracies are means over the repeats unless `is_random=True`, and the
simulated clock counts training without the evaluation after it (about 3 %).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, final

import numpy as np

from thalweg.benchmarks.files import find, read
from thalweg.benchmarks.table import AbstractTable
from thalweg.cells import nasbench201 as cells
from thalweg.core.errors import InvalidInput, unknown_name

FILE = "nasbench201/nasbench201.npz"
EPOCHS = {"12": 12, "200": 200}  # the two schedules, each a training of its own
DATASETS = {"cifar10": "cifar10", "cifar100": "cifar100"} | dict.fromkeys(
    ("ImageNet16-120", "ImageNet16_120"), "ImageNet16_120"
)  # their names among the arrays
_ARRAYS = ("val_12ep", "val_200ep_seeds", "test_12ep", "test_200ep")
_COSTS = ("train_time_s_200ep", "latency_s", "params_M")


@final
class NASBench201(AbstractTable):
    """Losses are errors in percent: 100 minus the accuracy.

        bench = NASBench201("cifar100", path="nasbench201.npz")
        bench(bench.best), bench.arch(0)
        bench.simulate_train_eval(bench.arch(0), "cifar100", hp="12")

    **metric**: "validation" (repeats are recorded: a `seed` draws one) or "test".
    **epochs**: of a full training. With 200, budgets below 1 give the 12 epochs of a
    schedule of their own (0.06 of the cost); with 12, that is all there is: the search
    of the paper's section 5.
    """

    def __init__(
        self,
        dataset: Literal[
            "cifar10", "cifar100", "ImageNet16-120", "ImageNet16_120"
        ] = "cifar10",
        *,
        metric: Literal["validation", "test"] = "validation",
        epochs: Literal[12, 200] = 200,
        path: str | Path | None = None,
        seed: int = 0,
    ):
        if metric not in ("validation", "test"):
            raise unknown_name("metric", metric, ("validation", "test"))
        if epochs not in (12, 200):
            raise InvalidInput(
                f"NAS-Bench-201 trained for 12 or 200 epochs, but got {epochs!r}."
            )
        names = [f"{d}_{a}" for d in dict.fromkeys(DATASETS.values()) for a in _ARRAYS]
        costs = [f"{d}_{a}" for d in dict.fromkeys(DATASETS.values()) for a in _COSTS]
        file = find(path, FILE, what="NAS-Bench-201")
        self.dataset = _dataset(dataset)
        self._arrays = read(file, ["ops", *names], optional=[*costs, "flops_M_formula"])
        self._rng = np.random.default_rng(seed)  # of `is_random=True`
        self._used_seconds = 0.0
        short, full = self._accuracy(metric, "12"), self._accuracy(metric, "200")
        losses = {0.06: 100 - short, 1.0: 100 - full}
        times = {0.06: self._seconds_of("12"), 1.0: self._seconds_of("200")}
        if epochs == 12:
            losses, times = {1.0: losses[0.06]}, {1.0: times[0.06]}
        name = f"NAS-Bench-201 {dataset} {metric}"
        name += " after 12 epochs" if epochs == 12 else ""
        super().__init__(
            name, cells.space(), self._arrays["ops"], losses, seconds=times
        )

    def arch(self, index: int) -> str:
        """The cell of a row, as text."""
        return cells.to_string(
            [cells.OPERATIONS[k] for k in self._arrays["ops"][index]]
        )

    def __getitem__(self, index: int) -> str:
        if not -len(self) <= index < len(self):
            raise IndexError(f"there are {len(self)} cells, but got {index}")
        return self.arch(index)

    def __iter__(self) -> Iterator[str]:
        return (self.arch(index) for index in range(len(self)))

    def query_index_by_arch(self, arch: str | Sequence[str]) -> int:
        """The row of a cell, given as text or as its six operations."""
        operations = cells.from_string(arch) if isinstance(arch, str) else tuple(arch)
        config = dict(zip(self.space.dimensions, operations, strict=True))
        return int(self.rows([config])[0])

    def query_by_arch(self, arch: str, hp: str = "12") -> str:
        """What is recorded of a cell under one schedule, as text."""
        index = self.query_index_by_arch(arch)
        lines = [self.arch(index), f"row {index}, {EPOCHS[_schedule(hp)]} epochs"]
        for dataset in ("cifar10-valid", "cifar10", "cifar100", "ImageNet16-120"):
            info = self.get_more_info(index, dataset, hp=hp)
            shown = ", ".join(f"{k} {v:.2f}" for k, v in info.items() if v is not None)
            lines.append(f"{dataset:14}  {shown}")
        return "\n".join(lines)

    def get_more_info(
        self,
        index: int | str,
        dataset: str,
        iepoch: None = None,
        hp: str = "12",
        is_random: bool = False,
    ) -> dict[str, Any]:
        """Accuracies in percent and training seconds of a row (or a cell as text).

        "cifar10-valid" was trained on half of the training images and has the
        validation accuracy, "cifar10" on all of them and has the test accuracy; the
        other data sets have both. Only the last epoch is in the table, so `iepoch`
        must be None. `is_random=True` draws one repeat where repeats are recorded.
        """
        if iepoch is not None:
            raise InvalidInput(
                f"The table holds the last epoch only, but got iepoch={iepoch!r}. "
                'Leave it out; `hp="12"` is the short schedule.'
            )
        row = self.query_index_by_arch(index) if isinstance(index, str) else index
        schedule, base = _schedule(hp), dataset.removesuffix("-valid")
        found: dict[str, Any] = {}
        if dataset != "cifar10":
            values = self._accuracy("validation", schedule, base)[row]
            found["valid-accuracy"] = self._one(values, is_random)
        if dataset != "cifar10-valid":
            values = self._accuracy("test", schedule, base)[row]
            found["test-accuracy"] = self._one(values, is_random)
        total = self._seconds_of(schedule, base)[row]
        # trained on all images an epoch takes twice as long as on half of them
        total *= 2 if dataset == "cifar10" else 1
        found["train-all-time"] = float(total)
        found["train-per-time"] = float(total) / EPOCHS[schedule]
        return found

    def get_cost_info(self, index: int | str, dataset: str) -> dict[str, float]:
        """Parameters (millions), latency (seconds) and, on CIFAR-10, MFLOPs."""
        row = self.query_index_by_arch(index) if isinstance(index, str) else index
        base = _dataset(dataset.removesuffix("-valid"))
        names = {"params": f"{base}_params_M", "latency": f"{base}_latency_s"}
        if base == "cifar10":
            names["flops"] = "flops_M_formula"
        held = {k: self._arrays[v] for k, v in names.items() if v in self._arrays}
        return {k: float(v[row]) for k, v in held.items()}

    def simulate_train_eval(
        self,
        arch: int | str,
        dataset: str,
        iepoch: None = None,
        hp: str = "12",
        account_time: bool = True,
    ) -> tuple[float, float, float, float]:
        """Validation accuracy, latency, seconds, and all seconds since `reset_time`."""
        valid = "cifar10-valid" if dataset == "cifar10" else dataset
        info = self.get_more_info(arch, valid, iepoch, hp)
        latency = self.get_cost_info(arch, dataset).get("latency", np.nan)
        seconds = info["train-all-time"]
        if account_time:
            self._used_seconds += seconds
        return info["valid-accuracy"], latency, seconds, self._used_seconds

    @property
    def used_time(self) -> float:
        """Simulated seconds that `simulate_train_eval` has spent."""
        return self._used_seconds

    def reset_time(self) -> None:
        """Sets the simulated clock to zero."""
        self._used_seconds = 0.0

    def find_best(
        self, dataset: str, metric_on_set: str = "validation", hp: str = "200"
    ) -> tuple[int, float]:
        """The row of the highest accuracy, and that accuracy."""
        metric = {"valid": "validation", "x-valid": "validation"}.get(
            metric_on_set, metric_on_set.removeprefix("ori-").removeprefix("x-")
        )
        if metric not in ("validation", "test"):
            raise unknown_name("metric", metric_on_set, ("validation", "test"))
        base = dataset.removesuffix("-valid")
        values = _means(self._accuracy(metric, _schedule(hp), base))
        return int(np.argmax(values)), float(np.max(values))

    def _accuracy(
        self, metric: str, schedule: str, dataset: str | None = None
    ) -> np.ndarray:
        """`[rows]`, or `[rows, repeats]`."""
        base = self.dataset if dataset is None else _dataset(dataset)
        if metric == "test":
            name = f"{base}_test_{schedule}ep"
        else:
            name = f"{base}_val_12ep" if schedule == "12" else f"{base}_val_200ep_seeds"
        return self._arrays[name].astype(np.float64)

    def _seconds_of(self, schedule: str, dataset: str | None = None) -> np.ndarray:
        """Training seconds, `[rows]`; an epoch takes equally long in both schedules."""
        base = self.dataset if dataset is None else _dataset(dataset)
        name = f"{base}_train_time_s_200ep"
        if name not in self._arrays:
            return np.full(len(self._arrays["ops"]), np.nan)
        return self._arrays[name].astype(np.float64) * EPOCHS[schedule] / 200

    def _one(self, values: np.ndarray, is_random: bool) -> float:
        there = np.atleast_1d(values)
        there = there[np.isfinite(there)]
        return float(self._rng.choice(there) if is_random else there.mean())


def _dataset(name: str) -> str:
    if name not in DATASETS:
        raise unknown_name("data set", name, DATASETS)
    return DATASETS[name]


def _schedule(hp: str | int) -> str:
    if str(hp) not in EPOCHS:
        raise unknown_name("schedule `hp`", hp, EPOCHS)
    return str(hp)


def _means(values: np.ndarray) -> np.ndarray:
    return values if values.ndim == 1 else np.nanmean(values, axis=1)
