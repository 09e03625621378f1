"""NAS-Bench-201 as published: validation after 12 epochs, 12,000 simulated seconds.

Dong & Yang 2020, section 5 and table 5, https://arxiv.org/abs/2001.00326. A search is
told a cell's validation accuracy after 12 epochs and pays its training time; what is
reported is the test accuracy after 200 epochs of the best cell by what it was told.
The published figures, means of 500 runs, are of searches on CIFAR-10.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

from thalweg.benchmarks import NASBench201, simulate

SECONDS = (1000, 2000, 4000, 8000, 12_000)
DATASETS = ("cifar10", "cifar100", "ImageNet16_120")
NAMES = ("CIFAR-10", "CIFAR-100", "ImageNet16-120")
PUBLISHED = {
    "random search": ("93.70 (0.36)", "71.04 (1.07)", "44.57 (1.25)"),
    "REINFORCE": ("93.85 (0.37)", "71.71 (1.09)", "45.24 (1.18)"),
    "regularized evolution": ("93.92 (0.30)", "71.84 (0.99)", "45.54 (1.03)"),
    "BOHB": ("93.61 (0.52)", "70.85 (1.28)", "44.42 (1.49)"),
    "optimum": ("94.37", "73.51", "47.31"),
}


def protocol(method: str, seed: int, data: str | None) -> dict[str, Any]:
    """One search on each data set: test accuracies on all three, and its own curve."""
    found = {}
    for number, dataset in enumerate(DATASETS):
        bench = NASBench201(dataset, epochs=12, path=data)
        curve = simulate(bench, method, seconds=SECONDS[-1], seed=seed)
        rows = bench.rows(curve.x[curve.incumbent])
        done = np.searchsorted(curve.clock, SECONDS, "right")  # trainings by then
        tests = [_tests(bench, int(rows[n - 1])) if n else None for n in done]
        found[dataset] = tests[-1]
        found[f"{dataset} curve"] = [t and t[number] for t in tests]
        found[f"{dataset} trainings"] = len(curve)
    return {"method": method, "protocol": True, "seed": seed, **found}


def _tests(bench: NASBench201, row: int) -> list[float]:
    """A cell's test accuracy on each data set after 200 epochs."""
    return [
        bench.get_more_info(row, judged, hp="200")["test-accuracy"]
        for judged in DATASETS
    ]


def protocol_table(results: list[dict[str, Any]]) -> str:
    """The cell of the end, on all data sets; then the way there, on its own."""
    records = defaultdict(list)
    for r in results:
        if r.get("protocol"):
            records[r["method"]].append(r)
    if not records:
        return ""
    lines = [
        "\n### NAS-Bench-201, 12 epochs and 12,000 simulated seconds: test accuracy\n",
        "| method | runs | searched on | trainings | " + " | ".join(NAMES) + " |",
        "| --- " * 7 + "|",
    ]
    for name, values in PUBLISHED.items():
        runs = "| |" if name == "optimum" else "500 | CIFAR-10 |"
        lines.append(f"| *{name}, published* | {runs} | " + " | ".join(values) + " |")
    for method, runs in records.items():
        for dataset, name in zip(DATASETS, NAMES, strict=True):
            values = np.array([r[dataset] for r in runs])
            count = np.mean([r[f"{dataset} trainings"] for r in runs])
            cells = [_mean(v) for v in values.T]
            lines.append(
                f"| {method} | {len(runs)} | {name} | {count:.0f} | "
                + " | ".join(cells)
                + " |"
            )
    return "\n".join(lines + _curves(records))


def _curves(records: dict[str, list[dict[str, Any]]]) -> list[str]:
    lines = [
        "\nMean test accuracy of the best cell by then, on the data set searched on.\n",
        "| searched on | method | " + " | ".join(f"{s:,} s" for s in SECONDS) + " |",
        "| --- " * (len(SECONDS) + 2) + "|",
    ]
    for dataset, name in zip(DATASETS, NAMES, strict=True):
        for method, runs in records.items():
            curves = np.array([r[f"{dataset} curve"] for r in runs], float)
            cells = [_mean(v[np.isfinite(v)], len(v)) for v in curves.T]
            lines.append(f"| {name} | {method} | " + " | ".join(cells) + " |")
    return lines


def _mean(values: np.ndarray, runs: int | None = None) -> str:
    """With its standard error; a dash where some runs have trained nothing yet."""
    if len(values) < (runs or 1):
        return "–"
    error = values.std(ddof=1) / len(values) ** 0.5 if len(values) > 1 else np.nan
    return f"{values.mean():.2f}" + (f" ± {error:.2f}" if error == error else "")
