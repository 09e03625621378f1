"""NAS-HPO-Bench (FCNet): 62,208 recipes of two-layer networks on four regressions.

Klein & Hutter 2019, "Tabular Benchmarks for Joint Architecture and Hyperparameter
Optimization", https://arxiv.org/abs/1905.04970
"""

from pathlib import Path
from typing import Literal, final

from thalweg.benchmarks.files import find, read
from thalweg.benchmarks.table import AbstractTable
from thalweg.core.errors import unknown_name
from thalweg.spaces import Choice, Ordinal, Space

DATASETS = {
    "naval": "naval_propulsion",
    "parkinsons": "parkinsons_telemonitoring",
    "protein": "protein_structure",
    "slice": "slice_localization",
}
EPOCHS = (3, 11, 33)  # of 100, where the table has them
UNITS = (16, 32, 64, 128, 256, 512)


@final
class FCNet(AbstractTable):
    """Losses are mean squared validation errors after 100 epochs; four trainings each.

    Tables that `convert` makes of the authors' files have those after 3, 11 and 33
    epochs too, as budgets below 1. **log**: their logarithms, since they span orders
    of magnitude.
    """

    def __init__(
        self,
        dataset: Literal["naval", "parkinsons", "protein", "slice"] = "protein",
        *,
        log: bool = True,
        path: str | Path | None = None,
    ):
        if dataset not in DATASETS:
            raise unknown_name("data set", dataset, DATASETS)
        name = f"hpo_tables/fcnet_{DATASETS[dataset]}.npz"
        file = find(path, name, what=f"FCNet {dataset}")
        short = [f"val_loss_{epochs}ep" for epochs in EPOCHS]
        needed = ["config_index", "val_loss", "train_time"]
        arrays = read(file, needed, optional=short)
        losses, seconds = {1.0: arrays["val_loss"]}, {1.0: arrays["train_time"]}
        for name, epochs in zip(short, EPOCHS, strict=True):
            if name in arrays:
                losses[epochs / 100] = arrays[name]
                seconds[epochs / 100] = arrays["train_time"] * (epochs / 100)
        super().__init__(
            f"FCNet {dataset}",
            space(),
            arrays["config_index"],
            losses,
            seconds=seconds,
            log=log,
        )


def space() -> Space:
    """The grid, under the names that its authors gave."""
    return Space(
        {
            "activation_fn_1": Choice(["relu", "tanh"]),
            "activation_fn_2": Choice(["relu", "tanh"]),
            "batch_size": Ordinal([8, 16, 32, 64]),
            "dropout_1": Ordinal([0.0, 0.3, 0.6]),
            "dropout_2": Ordinal([0.0, 0.3, 0.6]),
            "init_lr": Ordinal([0.0005, 0.001, 0.005, 0.01, 0.05, 0.1]),
            "lr_schedule": Choice(["cosine", "const"]),
            "n_units_1": Ordinal(UNITS),
            "n_units_2": Ordinal(UNITS),
        }
    )
