"""Weight sharing on the NAS-Bench-201 space, with real small images.

    python benchmarks/one_shot.py                      # all rows, 4 seeds
    python benchmarks/one_shot.py --rows gdas "random search" --seeds 2 --seconds 60

Each row searches on some thousand images of Fashion-MNIST for `--seconds` of one core;
the answer is looked up in the table: test accuracy on CIFAR-10, CIFAR-100 and
ImageNet16-120 after 200 epochs. "random search" trains sampled cells from scratch, all
one program, for as long, and takes the one of the best validation accuracy. Compiling,
once for all seeds of a row, is measured apart. "random pick" is the mean cell of the
table, which costs nothing. Let nothing run beside it but one other process of the same
on a second core, or have every clock of a search count the processor time of its
process (`--clock cpu`).

PC-DARTS runs half of the channels (the paper's setting for ImageNet), since a quarter
of the first cells' eight is two.

Needs the table and the images; see `--table` and `--images`. Results are appended to
`--results`, so that rows can be run one by one and shown together (`--show`).
"""

import argparse
import gzip
import json
import os
import time
import warnings
from functools import partial
from pathlib import Path

os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
os.environ.setdefault("JAX_ENABLE_COMPILATION_CACHE", "0")

import numpy as np

from thalweg.architectures import CollapseWarning, search_by_gradient, spaces, switched
from thalweg.architectures.gradient import PCDARTS
from thalweg.benchmarks import NASBench201
from thalweg.cells import nasbench201 as cells
from thalweg.core.rng import seed_word
from thalweg.networks import Stack
from thalweg.optimizers import Nesterov
from thalweg.problem import Problem
from thalweg.schedules import Cosine
from thalweg.training.bench import Job
from thalweg.training.candidate import Candidate, Stop
from thalweg.training.engine import Engine

DATASETS = ("cifar10", "cifar100", "ImageNet16_120")
ROWS = {
    "darts": ("darts", "none"),
    "darts, remedies": ("darts", "usual"),
    "darts2": ("darts2", "none"),
    "pc_darts": (PCDARTS(parts=2), "none"),
    "pc_darts, remedies": (PCDARTS(parts=2), "usual"),
    "gdas": ("gdas", "none"),
    "rsps": ("rsps", "none"),
    "single_path": ("single_path", "none"),
}
RANDOM = "random search"


def images(folder: Path, size: int, rows: int):
    """Training images of Fashion-MNIST, averaged down to `size`, and their classes."""
    x = _idx(folder / "train-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28)[:rows]
    y = _idx(folder / "train-labels-idx1-ubyte.gz", 8)[:rows]
    margin = (-28 % size) // 2
    x = np.pad(x, ((0, 0), (margin, margin), (margin, margin))).astype(np.float32)
    step = x.shape[1] // size
    return x.reshape(len(x), size, step, size, step).mean((2, 4)), y.astype(np.int64)


def _idx(path: Path, header: int) -> np.ndarray:
    with gzip.open(path) as file:
        return np.frombuffer(file.read(), np.uint8, offset=header)


def searched(row: str, data, options, seed: int) -> dict:
    """One search by weight sharing."""
    method, remedies = ROWS[row]
    tree = spaces.nasbench201(
        channels=options.channels, cells=options.cells, affine=False
    )
    search = partial(
        search_by_gradient,
        tree,
        data,
        method=method,
        remedies=remedies,
        batch_size=options.batch_size,
        trials=options.trials,
        curvature=True,
        seed=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CollapseWarning)
        begin = time.monotonic()
        search(epochs=1)  # compiles all that the search will run
        compiled = time.monotonic() - begin
        found = search(time_limit=options.seconds)
    eigenvalues = found.history["eigenvalue"]
    return {
        "cell": found.cell,
        "seconds": sum(found.seconds.values()),
        "compile": compiled,
        "epochs": len(found.history["loss"]),
        "collapsed": found.collapse.happened,
        "free": found.collapse.free,
        "stopped_at": found.stopped_at,
        "eigenvalues": [float(v) for v in eigenvalues[np.isfinite(eigenvalues)]],
    }


def at_random(data, options, seed: int) -> dict:
    """Sampled cells from scratch, for as long; the best by validation accuracy."""
    tree = spaces.nasbench201(channels=options.channels, cells=options.cells)
    space = cells.space()
    problem = Problem.of(*data, metric="accuracy", validation=0.5, seed=seed)
    rng = np.random.default_rng(seed)
    steps = options.random_epochs * (len(data[1]) // 2 // options.batch_size)
    engine = Engine(problem.training_task(), steps=steps, devices=1, places=1)
    rule = Nesterov(Cosine(0.05, steps), l2=3e-4)
    tried: dict[str, float] = {}
    begin = time.monotonic()
    while time.monotonic() - begin - engine.tally.compile_seconds < options.seconds:
        config = space.decode(rng.random((1, space.dim)))[0]
        network = Stack(switched(tree, config))
        stop = Stop(np.int32(steps))
        candidate = Candidate(
            network, rule, problem.judge(), stop, batch_size=options.batch_size
        )
        job = Job(len(tried), 0, candidate, 0, seed_word(seed, len(tried)))
        (ended,) = engine.train([job])
        if ended.outputs is not None:
            outputs = problem.out_of_fold([ended.outputs])
            name = cells.to_string([config[k] for k in space.parameters])
            tried[name] = float(problem.score(outputs).value)
    best = max(tried, key=tried.__getitem__)
    return {
        "cell": best,
        "seconds": time.monotonic() - begin - engine.tally.compile_seconds,
        "compile": engine.tally.compile_seconds,
        "collapsed": False,
        "free": float("nan"),
        "tried": len(tried),
    }


def show(records: list[dict], table: NASBench201) -> None:
    """The table, by row; ± is a standard deviation over seeds."""
    names = " ".join(f"{name:>16}" for name in DATASETS)
    print(f"{'row':20} seeds {names}  collapsed      s  compile")
    for row in [*ROWS, RANDOM]:
        own = [r for r in records if r["row"] == row]
        if not own:
            continue
        parts = []
        for name in DATASETS:
            found = [accuracy(table, r["cell"], name) for r in own]
            parts.append(f"{np.mean(found):9.2f} ±{np.std(found):5.2f}")
        collapsed = sum(r["collapsed"] for r in own)
        seconds, paid = (np.mean([r[k] for r in own]) for k in ("seconds", "compile"))
        print(
            f"{row:20} {len(own):5d} {' '.join(parts)}  {collapsed:3d} of {len(own)}"
            f"  {seconds:6.0f} {paid:8.0f}"
        )
    every = [
        f"{np.mean([accuracy(table, i, d) for i in range(0, len(table), 25)]):9.2f}"
        + " " * 7
        for d in DATASETS
    ]
    print(f"{'random pick':20}     - {' '.join(every)}")


def accuracy(table: NASBench201, cell, dataset: str) -> float:
    """Test accuracy after 200 epochs, in percent."""
    return table.get_more_info(cell, dataset, hp="200")["test-accuracy"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--rows", nargs="+", default=[*ROWS, RANDOM], choices=[*ROWS, RANDOM])
    add("--seeds", type=int, default=4)
    add("--first-seed", type=int, default=0)
    add("--random-epochs", type=int, default=3)
    add("--trials", type=int, default=128, help="paths that single paths judge")
    add("--images", type=Path, default=Path("/usr/share/datasets/fashion-mnist"))
    add("--table", type=Path, default=None)
    add("--count", type=int, default=2000, help="images, of which half trains weights")
    add("--size", type=int, default=16)
    add("--channels", type=int, default=8)
    add("--cells", type=int, default=1)
    add("--batch-size", type=int, default=32)
    add("--seconds", type=float, default=80.0, help="of a search")
    add("--clock", choices=("wall", "cpu"), default="wall")
    add("--results", type=Path, default=Path("one_shot.jsonl"))
    add("--show", action="store_true", help="only print what is there")
    options = parser.parse_args()
    if options.clock == "cpu":
        time.monotonic = time.process_time
    table = NASBench201(path=options.table)
    if not options.show:
        data = images(options.images, options.size, options.count)
        for row in options.rows:
            for seed in range(options.first_seed, options.first_seed + options.seeds):
                if row == RANDOM:
                    record = at_random(data, options, seed)
                else:
                    record = searched(row, data, options, seed)
                with options.results.open("a") as file:
                    file.write(json.dumps({"row": row, "seed": seed, **record}) + "\n")
    lines = options.results.read_text().splitlines()
    show([json.loads(line) for line in lines], table)


if __name__ == "__main__":
    main()
