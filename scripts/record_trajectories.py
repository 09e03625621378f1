"""Record what other libraries do, as numbers that `thalweg.testing.oracles` reads.

    python -m venv oracles
    oracles/bin/pip install torch==2.13.0 optax==0.2.8 keras==3.15.1 timm==1.0.31
    oracles/bin/pip install schedulefree==1.4.1 prodigyopt==1.1.2
    oracles/bin/pip install pytorch_optimizer==4.1.0
    oracles/bin/python scripts/record_trajectories.py        # everything
    oracles/bin/python scripts/record_trajectories.py torch  # one library
    oracles/bin/python scripts/record_trajectories.py torch/AdamW  # of ours

To add a case, write one line into `oracles/of_LIBRARY.py` and record that optimizer:
one small file is written, and the tests and the conformance page find it by themselves.
A file whose numbers did not change is left alone.
"""

import gzip
import json
import os
import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ["JAX_PLATFORMS"] = "cpu"

from oracles.cases import PROBLEMS, Case

FOLDER = Path(__file__).parents[1] / "src" / "thalweg" / "testing" / "recorded"
LIBRARIES = [
    "torch",
    "optax",
    "keras",
    "schedulefree",
    "prodigyopt",
    "timm",
    "pytorch_optimizer",
]


def write(name: str, content: Any) -> None:
    """Into the file `name`, unless it says so already."""
    path = FOLDER / f"{name}.json.gz"
    text = json.dumps(content).encode()
    if path.exists() and gzip.decompress(path.read_bytes()) == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text, mtime=0))
    print(path)


def record(library: str, wanted: str = "") -> None:
    """One file per optimizer of ours: all cases of a library that it has to follow."""
    oracle = import_module(f"oracles.of_{library}")
    kinds: dict[str, list[Case]] = {}
    for case in oracle.CASES:
        kinds.setdefault(case.ours.partition("(")[0], []).append(case)
    for kind, cases in kinds.items():
        if wanted in ("", kind):
            rows = [case.content(list(oracle.run(case))) for case in cases]
            about = {"oracle": library, "version": oracle.VERSION, "cases": rows}
            write(f"{library}/{kind}", about)


def record_disagreements(wanted: str = "") -> None:
    """One file per topic."""
    for topic in import_module("oracles.disagreements").topics():
        if wanted in ("", topic.key):
            write(f"disagreements/{topic.key}", topic.content())
    for name, content in import_module("oracles.values").topics().items():
        if wanted in ("", name):
            write(f"disagreements/{name}", content)


def record_schedules() -> None:
    """Those of PyTorch, and some of Keras and pytorch_optimizer."""
    import torch

    schedules = import_module("oracles.schedules")
    about = {"oracle": "torch", "version": torch.__version__.split("+")[0]}
    write("schedules/by_step", about | {"rates": schedules.by_step()})
    for library in ("keras", "pytorch_optimizer"):
        rates = getattr(schedules, f"of_{library}")()
        others = {"oracle": library, "version": version(library), "rates": rates}
        write(f"schedules/of_{library}", others)
    write("schedules/on_plateau", about | {"cases": schedules.on_plateau()})


def main(wanted: list[str]) -> None:
    for problem in PROBLEMS:
        write(f"problems/{problem.name}", problem.content())
    for name in wanted or [*LIBRARIES, "schedules", "disagreements"]:
        library, _, kind = name.partition("/")
        if library == "schedules":
            record_schedules()
        elif library == "disagreements":
            record_disagreements(kind)
        else:
            record(library, kind)


if __name__ == "__main__":
    main(sys.argv[1:])
