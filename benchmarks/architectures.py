"""A hundred different cells of NAS-Bench-201, trained for a few steps by one command.

    python benchmarks/architectures.py --peer-python PEERS/bin/python

The cells are drawn without repeats, one of a class of isomorphic ones, and trained on
Fashion-MNIST at half its size (8, 16 and 32 channels, one cell to a stage, batches of
64). All of them share a compiled program, where the operations are data; some are
trained again in programs of their own, and in PyTorch eager, one by one. Seconds are of
processor time on one core: on a shared machine the clock on the wall tells of the
others.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
os.environ.setdefault("JAX_ENABLE_COMPILATION_CACHE", "0")  # compile times are shown

import numpy as np
from pinned import machine, run
from scipy.stats import kendalltau, spearmanr

import thalweg as tw
from thalweg.architectures import fixed, spaces, switched
from thalweg.cells import nasbench201 as cells
from thalweg.cells import nasbench201_network
from thalweg.core.rng import seed_word
from thalweg.losses import LOSSES
from thalweg.problem import Problem
from thalweg.training.bench import Job
from thalweg.training.candidate import Candidate, Stop
from thalweg.training.engine import Engine

BATCH, PEAK, SEED = 64, 0.1, 0


def main() -> None:
    arguments = _arguments()
    X, y = images(arguments.images, arguments.rows)
    problem = Problem.of(X, y, validation=0.2, metric="accuracy", seed=SEED)
    drawn = draw(arguments.cells)
    tree = spaces.nasbench201(channels=8, cells=1)
    as_data = train(problem, [switched(tree, c) for c in drawn], arguments.steps)
    note("as data", as_data)
    few = arguments.sample
    as_shapes = train(problem, [fixed(tree, c) for c in drawn[:few]], arguments.steps)
    note("as shapes", as_shapes)
    peer = in_pytorch(arguments, X, y, drawn[:few]) if arguments.peer_python else None
    print(table(arguments, as_data, as_shapes, peer))
    print(ranks(drawn, as_data["accuracy"]))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cells", type=int, default=100)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--sample", type=int, default=5, help="cells trained in turn")
    parser.add_argument(
        "--images", type=Path, default=Path("/usr/share/datasets/fashion-mnist")
    )
    parser.add_argument("--peer-python", default=os.environ.get("THALWEG_PEER_PYTHON"))
    return parser.parse_args()


def images(path: Path, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """The first training images, each the means of 2x2 pixels, and their classes.

    **path**: MNIST's `mnist.npz`, or the folder of Fashion-MNIST.
    """
    if path.is_dir():
        X, y = (
            np.frombuffer(gzip.decompress(file.read_bytes()), np.uint8)
            for name in ("images-idx3", "labels-idx1")
            for file in [path / f"train-{name}-ubyte.gz"]
        )
        X, y = X[16:].reshape(-1, 28, 28)[:rows], y[8:][:rows]
    else:
        with np.load(path) as data:
            X, y = data["x_train"][:rows], data["y_train"][:rows]
    X = X.reshape(len(X), X.shape[1] // 2, 2, -1, 2).mean((2, 4))
    return X.astype(np.uint8), y.astype(np.int64)


def draw(number: int) -> list[dict[str, str]]:
    """Cells of different classes."""
    space = cells.space(isomorphic=True)
    rng = np.random.default_rng(SEED)
    found: dict[str, dict[str, str]] = {}
    while len(found) < number:
        (config,) = space.decode(rng.random((1, space.dim)))
        found.setdefault(json.dumps(config), config)
    return list(found.values())


def train(problem: Problem, networks: list[Any], steps: int) -> dict[str, Any]:
    """One engine on one core, judged once, at the end."""
    optimizer = tw.optimizers.Nesterov(tw.schedules.Cosine(PEAK, steps))
    loss = LOSSES["cross_entropy"]()
    jobs = [
        Job(
            number,
            0,
            Candidate(
                tw.networks.Stack(network),
                optimizer,
                loss,
                Stop(np.int32(steps)),
                batch_size=BATCH,
            ),
            0,
            seed_word(SEED, number),
        )
        for number, network in enumerate(networks)
    ]
    engine = Engine(problem.training_task(), steps=steps, devices=1, places=1)
    compiling, began = 0.0, time.process_time()
    ended = []
    for job in jobs:  # the first visit of a program is that it compiles in
        known, before = engine.known(job.candidate), time.process_time()
        if not known:
            engine.train([job._replace(candidate=_brief(job.candidate))])
            compiling += time.process_time() - before
        ended += engine.train([job])
    truth = problem.truth
    return {
        "programs": engine.tally.programs,
        "compile": compiling,
        "train": time.process_time() - began - compiling,
        "accuracy": [
            float(np.mean(np.argmax(end.outputs, 1) == truth))
            if end.outputs is not None
            else 0.0
            for end in ended
        ],
    }


def _brief(candidate: Candidate) -> Candidate:
    """Of the same program, for a single step."""
    import equinox as eqx

    return eqx.tree_at(lambda c: c.stop.steps, candidate, np.int32(1))


def in_pytorch(
    arguments: argparse.Namespace, X: np.ndarray, y: np.ndarray, drawn: list[Any]
) -> dict[str, Any]:
    """The same cells, one by one, in a process of the peer's interpreter."""
    with tempfile.NamedTemporaryFile(suffix=".npz") as file:
        operations = [list(config.values()) for config in drawn]
        np.savez(file, X=X, y=y, operations=operations)
        file.flush()
        program = Path(__file__).parent / "architecture_peers" / "torch_cells.py"
        numbers = map(str, (arguments.steps, BATCH, PEAK))
        finished = run(
            [arguments.peer_python, str(program), file.name, *numbers],
            cores=sorted(os.sched_getaffinity(0)),
            threads=1,
        )
    if finished.returncode:
        raise SystemExit(f"PyTorch failed:\n{finished.errors[-2000:]}")
    return json.loads(finished.output.splitlines()[-1])


def note(name: str, result: dict[str, Any]) -> None:
    print(name, json.dumps(result), file=sys.stderr, flush=True)


def table(
    arguments: argparse.Namespace,
    as_data: dict[str, Any],
    as_shapes: dict[str, Any],
    peer: dict[str, Any] | None,
) -> str:
    lines = [
        f"{machine()}; {arguments.cells} cells, {arguments.steps} steps each; seconds "
        "of processor time.",
        "",
        "| how | cells | programs | compiling, s | a cell's training, s | ms a step "
        f"| {arguments.cells} cells in all, s |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    rows = [("operations as data", as_data), ("a program for each cell", as_shapes)]
    if peer is not None:
        rows.append(("PyTorch eager, one by one", peer))
    for title, result in rows:
        count = len(result["accuracy"])
        each = result["train"] / count
        compiles = result["compile"] * (
            arguments.cells / count if result["programs"] > 1 else 1
        )
        lines.append(
            f"| {title} | {count} | {result['programs']} | {result['compile']:.0f} "
            f"| {each:.1f} | {each / arguments.steps * 1e3:.1f} "
            f"| {compiles + each * arguments.cells:.0f} |"
        )
    both = [("a program for each", as_shapes)]
    both += [("PyTorch", peer)] if peer is not None else []
    for title, other in both:
        pairs = zip(as_data["accuracy"], other["accuracy"], strict=False)
        gap = statistics.mean(abs(a - b) for a, b in pairs)
        lines += ["", f"Mean difference of accuracy from {title}: {gap:.4f}."]
    return "\n".join(lines)


def ranks(drawn: list[dict[str, str]], accuracy: list[float]) -> str:
    """How the short training ranks the cells, beside the table's full one."""
    bench = tw.benchmarks.NASBench201("cifar10", metric="test")
    full = -np.asarray(bench(drawn))  # losses, the table's
    short = -np.asarray(bench(drawn, budget=0.06))
    sizes = [float(nasbench201_network.parameters(list(c.values()))) for c in drawn]
    lines = [
        "",
        "| ranking by | Spearman | Kendall | Spearman, upper half |",
        "| --- | --- | --- | --- |",
    ]
    upper = full >= np.median(full)
    for title, score in (
        ("our short training", np.asarray(accuracy)),
        ("the table's 12 epochs on CIFAR-10", short),
        ("the number of parameters", np.asarray(sizes)),
    ):
        rho, tau = spearmanr(score, full)[0], kendalltau(score, full)[0]
        half = spearmanr(score[upper], full[upper])[0]
        lines.append(f"| {title} | {rho:.2f} | {tau:.2f} | {half:.2f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
