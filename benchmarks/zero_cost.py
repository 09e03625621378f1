"""Zero-cost scores of NAS-Bench-201 cells beside what the cells reached when trained.

    THALWEG_DATA=DATA python benchmarks/zero_cost.py --results zero_cost.jsonl
    python benchmarks/zero_cost.py --results zero_cost.jsonl --summary

Random cells are built as trainable networks and scored, all in one program per score;
the ranking is compared with that by the table's test accuracies after 200 epochs. Each
hundred cells are an appended line, and what is there is not computed again. Times are
of the processor. Set OMP_NUM_THREADS=1.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import kendalltau, spearmanr

from thalweg.architectures import nasbench201, nasbench201_network, spaces
from thalweg.architectures.scores import SCORES, AbstractScore, score_all
from thalweg.benchmarks import NASBench201

DATASETS = ("cifar10", "cifar100", "ImageNet16_120")
PUBLISHED = {  # Spearman, 64 images of the data set; Abdelfattah et al. 2021, table 2
    "synflow": (0.74, 0.76, 0.75),
    "jacobian_covariance": (0.73, 0.71, 0.71),
    "gradient_norm": (0.58, 0.64, 0.58),
    "snip": (0.58, 0.63, 0.58),
    "grasp": (0.48, 0.54, 0.56),
    "fisher": (0.36, 0.39, 0.33),
}
PART = 100  # cells of one line
DRAWS = 1000  # of the bootstrap
DEFAULT = [name for name, kind in SCORES.items() if issubclass(kind, AbstractScore)]


def images(folder: Path, rows: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Fashion-MNIST's first training images as colour images of the size, labels."""
    with gzip.open(folder / "train-images-idx3-ubyte.gz") as file:
        x = np.frombuffer(file.read(16 + 28 * 28 * rows), np.uint8, offset=16)
    with gzip.open(folder / "train-labels-idx1-ubyte.gz") as file:
        y = np.frombuffer(file.read(8 + rows), np.uint8, offset=8)
    x = x.reshape(rows, 28, 28).astype(np.float32) / 255
    if size == 32:
        x = np.pad(x, ((0, 0), (2, 2), (2, 2)))
    elif size == 16:
        x = np.pad(x, ((0, 0), (2, 2), (2, 2))).reshape(rows, 16, 2, 16, 2).mean((2, 4))
    elif size != 28:
        raise SystemExit(f"--size must be 16, 28 or 32, but got {size}")
    return np.repeat(x[..., None], 3, axis=-1), y.astype(np.int32)


def scored(setting: dict[str, Any], part: int, arguments: Any) -> dict[str, Any]:
    """The scores of some of the cells."""
    tree = spaces.nasbench201(channels=setting["channels"], cells=setting["cells"])
    x, y = images(arguments.images, setting["rows"], setting["size"])
    rows = chosen(setting["architectures"])[part * PART :][:PART]
    configs = architectures(rows)

    def run(some: list[dict[str, Any]]) -> tuple[np.ndarray, float]:
        start = time.process_time()
        found = score_all(setting["score"], tree, some, x, y, outputs=10)
        return found, time.process_time() - start

    _, compiling = run(configs[:1])
    found, seconds = run(configs)
    return {
        **setting,
        "part": part,
        "values": [float(v) for v in found],
        "seconds": seconds / len(configs),
        "compiling": compiling,
    }


def chosen(count: int) -> np.ndarray:
    """The numbers of random cells."""
    return np.random.default_rng(0).choice(5**6, count, replace=False)


def architectures(cells: np.ndarray) -> list[dict[str, Any]]:
    """The configurations of cells by number."""
    return nasbench201.space().decode((_digits(cells) + 0.5) / 5)


def _digits(cells: np.ndarray) -> np.ndarray:
    """Each edge's operation, the last edge fastest: as `nasbench201.space()`."""
    return cells[:, None] // 5 ** np.arange(5, -1, -1) % 5


def sizes(cells: np.ndarray) -> dict[str, np.ndarray]:
    """Parameters and multiply-adds of the benchmark's networks."""
    names = [[nasbench201.OPERATIONS[k] for k in row] for row in _digits(cells)]
    return {
        "parameters": np.array(
            [nasbench201_network.parameters(n) for n in names], float
        ),
        "flops": np.array([nasbench201_network.multiply_adds(n) for n in names], float),
    }


def accuracies(cells: np.ndarray, data: str | None) -> np.ndarray:
    """Test accuracies after 200 epochs, `[cells, data sets]`."""
    configs = architectures(cells)
    tables = [NASBench201(name, metric="test", path=data) for name in DATASETS]
    return 100 - np.stack([t.evaluate(configs).losses[:, 0] for t in tables], 1)


def correlation(a: np.ndarray, b: np.ndarray, kind: Any) -> tuple[float, float]:
    """A rank correlation, and its standard deviation over bootstrap samples."""
    a = np.where(np.isfinite(a), a, np.finfo(float).min)  # dead networks come last
    rng, draws = np.random.default_rng(0), []
    for _ in range(DRAWS if kind is spearmanr else DRAWS // 10):
        rows = rng.integers(0, len(a), len(a))
        draws.append(kind(a[rows], b[rows]).statistic)
    return float(kind(a, b).statistic), float(np.std(draws))


def table(results: list[dict[str, Any]], data: str | None) -> str:
    """Rank correlations of each score, size and cost beside them."""
    groups = defaultdict(list)
    for r in results:
        key = ("score", "channels", "cells", "size", "rows", "architectures")
        groups[tuple(r[k] for k in key)].append(r)
    lines = [
        "| score | network | images | cells | CIFAR-10 | CIFAR-100 | ImageNet16-120 | "
        "Kendall, CIFAR-10 | published | s a cell | s to compile |",
        "| --- " * 11 + "|",
    ]
    most = max(key[-1] for key in groups)
    for name, values in sizes(chosen(most)).items():
        truth = accuracies(chosen(most), data)
        lines.append(_line(name, "16 x 5", "", values, truth, "", ""))
    for (name, channels, cells, size, rows, count), parts in groups.items():
        parts.sort(key=lambda r: r["part"])
        values = np.concatenate([r["values"] for r in parts])
        which = [chosen(count)[r["part"] * PART :][:PART] for r in parts]
        truth = accuracies(np.concatenate(which), data)
        kind: Any = SCORES[name]
        shape = f"{size}x{size}"
        seen = shape if kind.needs == "nothing" else f"{rows} of {shape}"
        spent = f"{np.median([r['seconds'] for r in parts]):.3f}"
        compiling = f"{max(r['compiling'] for r in parts):.0f}"
        network = f"{channels} x {cells}"
        lines.append(_line(name, network, seen, values, truth, spent, compiling))
    return "\n".join(lines)


def _line(
    name: str,
    shape: str,
    seen: str,
    values: np.ndarray,
    truth: np.ndarray,
    *costs: str,
) -> str:
    cells = [correlation(values, column, spearmanr) for column in truth.T]
    cells.append(correlation(values, truth[:, 0], kendalltau))
    shown = [f"{mean:.2f} ± {error:.2f}" for mean, error in cells]
    published = " / ".join(f"{v:.2f}" for v in PUBLISHED.get(name, ()))
    columns = [name, shape, seen, str(len(values)), *shown, published, *costs]
    return "| " + " | ".join(columns) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--scores", nargs="+", default=DEFAULT, choices=DEFAULT)
    parser.add_argument("--architectures", type=int, default=1000)
    parser.add_argument("--channels", type=int, default=16, help="of the first stage")
    parser.add_argument("--cells", type=int, default=5, help="of a stage")
    parser.add_argument("--size", type=int, default=32, help="of the images")
    parser.add_argument("--rows", type=int, default=64, help="images of a batch")
    parser.add_argument(
        "--images", type=Path, default=Path("/usr/share/datasets/fashion-mnist")
    )
    parser.add_argument("--data", help="folder of the table; else $THALWEG_DATA")
    parser.add_argument("--results", type=Path, default=Path("zero_cost.jsonl"))
    parser.add_argument("--summary", action="store_true", help="only print the table")
    arguments = parser.parse_args()

    def read() -> list[dict[str, Any]]:
        if not arguments.results.exists():
            return []
        return [json.loads(line) for line in arguments.results.read_text().splitlines()]

    names = ("architectures", "channels", "cells", "size", "rows")
    common = {name: getattr(arguments, name) for name in names}
    done = [{k: r[k] for k in (*names, "score", "part")} for r in read()]
    for name in [] if arguments.summary else arguments.scores:
        setting = {**common, "score": name}
        for part in range(-(-arguments.architectures // PART)):
            if {**setting, "part": part} not in done:
                with arguments.results.open("a") as file:
                    file.write(json.dumps(scored(setting, part, arguments)) + "\n")
    print(f"{os.cpu_count()} cores; bootstrap of {DRAWS} samples\n")
    print(table(read(), arguments.data))


if __name__ == "__main__":
    main()
