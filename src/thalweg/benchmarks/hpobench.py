"""HPOBench's grids of multi-layer perceptrons: 30,000 recipes on each of eight tables.

Eggensperger et al. 2021, "HPOBench: A Collection of Reproducible Multi-Fidelity
Benchmark Problems for HPO", https://arxiv.org/abs/2109.06716
"""

from pathlib import Path
from typing import Literal, final

from thalweg.benchmarks.files import find, read
from thalweg.benchmarks.table import AbstractTable
from thalweg.core.errors import unknown_name
from thalweg.spaces import Ordinal, Space

DATASETS = ("australian", "blood_transfusion", "car", "credit_g", "kc1", "phoneme")
DATASETS += ("segment", "vehicle")
METRICS = {"accuracy": "val_acc", "f1": "val_f1"}


@final
class HPOBench(AbstractTable):
    """Losses are 1 minus the validation accuracy (or F1 score); five trainings each."""

    def __init__(
        self,
        dataset: str = "segment",
        *,
        metric: Literal["accuracy", "f1"] = "accuracy",
        path: str | Path | None = None,
    ):
        if dataset not in DATASETS:
            raise unknown_name("data set", dataset, DATASETS)
        if metric not in METRICS:
            raise unknown_name("metric", metric, METRICS)
        name = f"hpo_tables/hpobench_nn_{dataset}.npz"
        file = find(path, name, what=f"HPOBench {dataset}")
        arrays = read(file, ["config_index", METRICS[metric], "train_time"])
        super().__init__(
            f"HPOBench {dataset} {metric}",
            space(),
            arrays["config_index"],
            {1.0: 1 - arrays[METRICS[metric]].astype(float)},
            seconds={1.0: arrays["train_time"]},
        )


def space() -> Space:
    """The grid: ten values of each, and one to three layers."""
    alpha = [1e-08, 7.742637e-08, 5.994842e-07, 4.641589e-06, 3.5938137e-05]
    alpha += [0.00027825593, 0.0021544348, 0.016681006, 0.12915497, 1.0]
    rate = [1e-05, 3.5938137e-05, 0.00012915497, 0.0004641589, 0.0016681006]
    rate += [0.0059948424, 0.021544347, 0.07742637, 0.27825594, 1.0]
    return Space(
        {
            "alpha": Ordinal(alpha),
            "batch_size": Ordinal([4, 6, 10, 16, 25, 40, 64, 101, 161, 256]),
            "depth": Ordinal([1, 2, 3]),
            "learning_rate_init": Ordinal(rate),
            "width": Ordinal([16, 25, 40, 64, 101, 161, 256, 406, 645, 1024]),
        }
    )
