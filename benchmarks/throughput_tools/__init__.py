"""The tools of the throughput benchmark: each file runs a list of recipes one way.

`run(recipes) -> Run` trains every recipe for `EPOCHS` epochs on the same rows and
notes when each trial ended, in seconds of the process.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tool:
    """`trials`: how many recipes a run trains by default; the rest is extrapolated."""

    title: str
    module: str
    cores: tuple[int, ...]
    threads: int
    trials: int | None  # None: all of them
    lanes: int = 1  # trials in flight at once


TOOLS: dict[str, Tool] = {
    "ours": Tool("Thalweg", "ours", (0, 1), 2, None),
    "torch": Tool("Optuna + PyTorch eager, 1 process", "torch_optuna", (0,), 1, 32),
    "torch2": Tool(
        "Optuna + PyTorch eager, 2 processes", "torch_optuna", (0, 1), 1, 64, lanes=2
    ),
    "keras": Tool("KerasTuner", "keras_search", (0, 1), 2, 12),
    "sklearn": Tool(
        "scikit-learn RandomizedSearchCV", "sklearn_search", (0, 1), 1, None, lanes=2
    ),
}
