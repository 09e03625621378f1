"""Test accuracy on MNIST and Fashion-MNIST after some minutes, beside other tools.

    python benchmarks/images.py --peer-python PEERS/bin/python
    python benchmarks/images.py --tools ours torch --data mnist --seconds 300

Every tool gets all 60,000 training images and the same wall-clock seconds on the same
cores, in a fresh process, in turn; the 10,000 test images are seen once, at the end.
MNIST is read from `$THALWEG_DATA/mnist`, Fashion-MNIST from `--fashion`.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from image_methods import METHODS
from pinned import machine, run

DATA = Path(
    os.environ.get("THALWEG_DATA", Path(__file__).parents[2] / "shared" / "data")
)
FASHION = Path("/usr/share/datasets/fashion-mnist")
TOOLS = ["ours", "torch", "keras"]  # AutoKeras on request: see its file
GRACE = 1.5  # times the limit, after which a process is killed
NAMES = {
    "ours": "Thalweg, `ImageClassifier(time_limit=…)`",
    "torch": "a fixed small CNN in PyTorch",
    "keras": "KerasTuner, AutoKeras' image block",
    "autokeras": "AutoKeras",
}


def main() -> None:
    arguments = _arguments()
    if arguments.worker:
        print(json.dumps(_measured(*arguments.worker, arguments)))
        return
    print(f"# {machine()}", file=sys.stderr)
    rows = []
    for data in arguments.data:
        for tool in arguments.tools:
            rows.append(record := _run(tool, data, arguments))
            print(json.dumps(record), file=sys.stderr, flush=True)
    print(_table(rows, arguments))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tools", nargs="+", default=TOOLS, choices=METHODS)
    parser.add_argument("--data", nargs="+", default=["mnist", "fashion"])
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cores", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--fashion", type=Path, default=FASHION)
    parser.add_argument(
        "--peer-python",
        default=os.environ.get("THALWEG_PEER_PYTHON", sys.executable),
        help="interpreter with torch, keras and keras-tuner",
    )
    parser.add_argument("--autokeras-python", help="interpreter with autokeras")
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


def _run(tool: str, data: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """One process, bound to the cores; what it says last, or why it says nothing."""
    python = sys.executable if tool == "ours" else arguments.peer_python
    if tool == "autokeras":
        python = arguments.autokeras_python or python
    done = run(
        [
            *(python, str(Path(__file__).resolve()), "--worker", tool, data),
            *("--seconds", str(arguments.seconds), "--seed", str(arguments.seed)),
            *("--fashion", str(arguments.fashion)),
        ],
        cores=arguments.cores,
        threads=len(arguments.cores),
        kill_after=GRACE * arguments.seconds + 60,
        variables={"KERAS_BACKEND": "tensorflow" if tool == "autokeras" else "torch"},
    )
    record = {"tool": tool, "data": data, "cpu": done.cpu_seconds}
    if done.returncode:
        last = done.errors.strip().splitlines()[-1:] or [done.cause or "nothing said"]
        return record | {"failed": last[0][:100]}
    return record | json.loads(done.output.strip().splitlines()[-1])


def _measured(tool: str, data: str, arguments: argparse.Namespace) -> dict[str, Any]:
    x, y, x_test, y_test = load(data, arguments.fashion)
    method = import_module(f"image_methods.{METHODS[tool]}")
    began = time.monotonic()
    predict = method.fit(x, y, arguments.seconds, arguments.seed)
    seconds = time.monotonic() - began
    chances = np.asarray(predict(x_test))
    own = np.maximum(chances[np.arange(len(y_test)), y_test], 1e-9)
    return {
        "accuracy": float((chances.argmax(axis=1) == y_test).mean()),
        "log_loss": float(-np.log(own).mean()),
        "seconds": seconds,
    }


def load(data: str, fashion: Path) -> tuple[np.ndarray, ...]:
    """Training and test images `[n, 28, 28]` with their classes."""
    if data == "mnist":
        with np.load(DATA / "mnist" / "mnist.npz") as arrays:
            names = ("x_train", "y_train", "x_test", "y_test")
            return tuple(arrays[name] for name in names)
    return tuple(
        _idx(fashion / f"{part}-{kind}-ubyte.gz")
        for part in ("train", "t10k")
        for kind in ("images-idx3", "labels-idx1")
    )


def _idx(path: Path) -> np.ndarray:
    """LeCun's format: two zeros, the type (8: bytes), axes, their lengths, the data."""
    raw = gzip.decompress(path.read_bytes())
    axes = raw[3]
    shape = np.frombuffer(raw, ">i4", axes, offset=4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * axes).reshape(shape)


def _table(rows: list[dict[str, Any]], arguments: argparse.Namespace) -> str:
    cores = len(arguments.cores)
    lines = [
        f"{machine()}; {arguments.seconds:g} s on {cores} cores, seed "
        f"{arguments.seed}; one run each, in turn.",
        "",
        "| data | tool | test accuracy | log loss | wall seconds | CPU seconds |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        told = f"| {row['data']} | {NAMES[row['tool']]} |"
        if "failed" in row:
            lines.append(f"{told} failed: {row['failed']} | | | |")
            continue
        lines.append(
            f"{told} {row['accuracy']:.2%} | {row['log_loss']:.4f} | "
            f"{row['seconds']:.0f} | {row['cpu']:.0f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
