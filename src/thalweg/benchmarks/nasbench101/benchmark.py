"""NAS-Bench-101: 423,624 cells trained on CIFAR-10, for four numbers of epochs.

Ying et al. 2019, https://arxiv.org/abs/1902.09635. The questions that its users ask
have the names and arguments of https://github.com/google-research/nasbench.
Departs from it: repeats are drawn by a seed of the table's own.
"""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, final

import numpy as np

from thalweg.benchmarks.files import find
from thalweg.benchmarks.nasbench101.columns import Columns, load
from thalweg.benchmarks.nasbench101.reading import METRICS, REPEATS
from thalweg.benchmarks.table import AbstractTable
from thalweg.cells import ModelSpec
from thalweg.cells import nasbench101 as cells
from thalweg.core.errors import DataError, InvalidInput, UnknownName, unknown_name

FILE = "nasbench101/nasbench_full.tfrecord"
FULL = 108  # epochs of a full training


@final
class NASBench101(AbstractTable):
    """Losses are errors in percent: 100 minus the accuracy, of three trainings each.

        nasbench = NASBench101("nasbench_full.tfrecord")
        nasbench.query(ModelSpec(matrix=..., ops=...), epochs=108)
        tw.Study(nasbench.space).optimize(nasbench, n_trials=100)

    **path**: the official file, or what `convert` made of it. The first time an
    official file is converted, which takes minutes; the result is kept beside it, or in
    the file `cache`, and loads in seconds (`cache=False`: not kept). **metric**:
    "validation" or "test". Budgets below 1 are trainings of their own: 4, 12 and 36 of
    108 epochs. **seed**: of the repeats that `query` draws.
    """

    def __init__(
        self,
        path: str | Path | None = None,
        *,
        metric: Literal["validation", "test"] = "validation",
        seed: int = 0,
        cache: str | Path | bool = True,
    ):
        if metric not in ("validation", "test"):
            raise unknown_name("metric", metric, ("validation", "test"))
        file = find(path, FILE, what="NAS-Bench-101")
        self.columns: Columns = load(file, cache)
        epochs = self.columns.epochs.tolist()
        if FULL not in epochs:
            raise DataError(
                f"The table needs trainings of {FULL} epochs, but {str(file)!r} has "
                f"only {epochs}."
            )
        self._rng = np.random.default_rng(seed)
        self.reset_budget_counters()
        final = self.columns.metrics[..., METRICS.index(f"final_{metric}_accuracy")]
        spent = self.columns.metrics[..., METRICS.index("final_training_time")]
        share = {epoch / FULL: e for e, epoch in enumerate(epochs)}
        super().__init__(
            f"NAS-Bench-101 {metric}",
            cells.space(),
            cells.cells().member(self.columns.number).astype(np.int8),
            {b: 100 - 100 * final[:, e].astype(np.float64) for b, e in share.items()},
            seconds={b: spent[:, e] for b, e in share.items()},
        )

    @property
    def valid_epochs(self) -> set[int]:
        """The numbers of epochs that can be asked for."""
        return set(self.columns.epochs.tolist())

    def query(
        self, model_spec: ModelSpec, epochs: int = FULL, stop_halfway: bool = False
    ) -> dict[str, Any]:
        """One of the three trainings of a cell, drawn; it counts for the budget.

        `stop_halfway` gives the accuracies after half of the epochs, for half of the
        seconds.
        """
        row, level = self._row(model_spec), self._level(epochs)
        there = np.isfinite(self.columns.metrics[row, level, :, 0])
        if not there.any():
            raise InvalidInput(
                f"The table has no training of {epochs} epochs of this cell. Ask for "
                "other epochs."
            )
        repeat = int(self._rng.choice(np.flatnonzero(there)))
        when = "halfway" if stop_halfway else "final"
        measured = self._measured(row, level, repeat)
        found = self._fixed(row) | {
            name.removeprefix(f"{when}_"): value
            for name, value in measured.items()
            if name.startswith(when)
        }
        self.training_time_spent += found["training_time"]
        self.total_epochs_spent += epochs // 2 if stop_halfway else epochs
        return found

    def is_valid(self, model_spec: ModelSpec) -> bool:
        """Whether the cell is one of the data set's; costs nothing."""
        return cells.is_valid(model_spec)

    def get_budget_counters(self) -> tuple[float, int]:
        """Seconds and epochs that queries have spent."""
        return self.training_time_spent, self.total_epochs_spent

    def reset_budget_counters(self) -> None:
        """Sets both to zero."""
        self.training_time_spent, self.total_epochs_spent = 0.0, 0

    def hash_iterator(self) -> Iterator[str]:
        """The cells' hashes, in the file's order."""
        return (self.columns.hash(row) for row in range(len(self)))

    def get_metrics_from_hash(
        self, module_hash: str
    ) -> tuple[dict[str, Any], dict[int, list[dict[str, float]]]]:
        """The cell, and for each number of epochs its repeats; costs nothing."""
        if module_hash not in self._rows_by_hash:
            raise UnknownName(f"The table has no cell of hash {module_hash!r}.")
        return self._all(self._rows_by_hash[module_hash])

    def get_metrics_from_spec(
        self, model_spec: ModelSpec
    ) -> tuple[dict[str, Any], dict[int, list[dict[str, float]]]]:
        """The same, of a cell."""
        return self._all(self._row(model_spec))

    @cached_property
    def _rows_by_hash(self) -> dict[str, int]:
        text = self.columns.digest.tobytes().hex()
        return {text[32 * row : 32 * row + 32]: row for row in range(len(self))}

    def _row(self, spec: ModelSpec) -> int:
        row = int(self.rows(cells.rows([spec]))[0])
        if row < 0:
            raise InvalidInput(
                f"The table has no training of the cell {spec!r}: it holds "
                f"{len(self):,} of {cells.cells().size:,} cells."
            )
        return row

    def _level(self, epochs: int) -> int:
        if epochs not in self.valid_epochs:
            raise InvalidInput(
                f"`epochs` must be one of {sorted(self.valid_epochs)}, but got "
                f"{epochs!r}."
            )
        return int(np.flatnonzero(self.columns.epochs == epochs)[0])

    def _fixed(self, row: int) -> dict[str, Any]:
        matrix, ops = self.columns.cell(row)
        return {
            "module_adjacency": matrix,
            "module_operations": ops,
            "trainable_parameters": int(self.columns.parameters[row]),
        }

    def _measured(self, row: int, level: int, repeat: int) -> dict[str, float]:
        values = self.columns.metrics[row, level, repeat].tolist()
        return dict(zip(METRICS, values, strict=True))

    def _all(self, row: int) -> tuple[dict[str, Any], dict[int, list[Any]]]:
        computed = {}
        for level, epochs in enumerate(self.columns.epochs.tolist()):
            there = np.isfinite(self.columns.metrics[row, level, :, 0])
            repeats = [
                self._measured(row, level, r) for r in range(REPEATS) if there[r]
            ]
            if repeats:
                computed[epochs] = repeats
        return self._fixed(row), computed


NASBench = NASBench101  # as the official package calls it
