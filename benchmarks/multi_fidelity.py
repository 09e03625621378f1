"""How soon proposers of several budgets reach what random search finds in a minute.

    python benchmarks/multi_fidelity.py --results multi_fidelity.jsonl
    python benchmarks/multi_fidelity.py --results multi_fidelity.jsonl --summary

For each table and seed, random search trains in full for `--seconds` with the search
space, recipe and trainer of `TabularClassifier`; its best validation score is the mark.
Every other proposer then searches the same space, on the same splits but from draws of
its own, until one of its trials is as good, or for as long. No search begins with given
configurations, unless `--portfolio` lets all of them begin with those that
`TabularClassifier` begins with; no ensembles are made. The clock runs from the first
ask to the moment when the trial's last network was read, compiling included; reading
and preparing the table, the same for all, are not. Before anything is measured each
table's programs are compiled once into the cache on disk that all processes share.

Every search is a fresh process bound to `--cores` (one core: one member at a time). Its
result is one line of JSON; what is there is not run again. On a busy machine
`--clock cpu` lets every clock of a search, its limit included, count the processor time
of its process instead.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pinned import machine, run
from tabular_tables import load

TABLES = (
    "phoneme",
    "optdigits",
    "pendigits",
    "waveform5000",
    "house8L",
    "wine_quality_white",
)
METHODS = ("hyperband", "asha", "bohb", "freeze_thaw", "freeze_thaw per second")
OTHER = 1000  # added to the seeds of those that are held against random search
SLACK = 120  # seconds beyond the limit before a process is killed


def main() -> None:
    arguments = _arguments()
    if arguments.worker:
        print(json.dumps(_measure(*json.loads(arguments.worker))))
        return
    if not arguments.summary:
        _run_all(arguments)
    print(summary(_read(arguments.results), arguments.seconds))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="limit of a search")
    parser.add_argument("--cores", type=int, nargs="+", default=[0])
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    parser.add_argument("--tables", nargs="+", default=TABLES)
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--results", type=Path, default=Path("multi_fidelity.jsonl"))
    parser.add_argument(
        "--portfolio", action="store_true", help="every search begins with it"
    )
    parser.add_argument("--summary", action="store_true", help="only print the table")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    return parser.parse_args()


def _run_all(arguments: argparse.Namespace) -> None:
    print(f"# {machine()}; cores {arguments.cores}", file=sys.stderr)
    for table in arguments.tables:
        _fresh(arguments, table, "warm", 0, None)
        for seed in arguments.seeds:
            mark = _fresh(arguments, table, "random", seed, None)
            for method in arguments.methods:
                _fresh(arguments, table, method, seed, mark["loss"])


def _fresh(
    arguments: argparse.Namespace, table: str, method: str, seed: int, mark: Any
) -> dict[str, Any]:
    """The result of one search, from the file or from a new process."""
    for record in _read(arguments.results):
        if (record["table"], record["method"], record["seed"]) == (table, method, seed):
            return record
    job = json.dumps([table, method, seed, mark, vars(arguments) | {"results": ""}])
    ended = run(
        [sys.executable, __file__, "--worker", job],
        cores=arguments.cores,
        threads=1,
        kill_after=None if arguments.clock == "cpu" else arguments.seconds + SLACK,
        cpu_limit=arguments.seconds + SLACK,
    )
    if ended.returncode:
        raise SystemExit(f"{table} {method} {seed}:\n{ended.errors}")
    record = json.loads(ended.output.splitlines()[-1])
    with arguments.results.open("a") as file:
        file.write(json.dumps(record) + "\n")
    print(record, file=sys.stderr, flush=True)
    return record


def _read(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]


def _measure(
    table: str, method: str, seed: int, mark: float | None, settings: dict[str, Any]
) -> dict[str, Any]:
    """One search: when it reached the mark (random search: how far it came)."""
    seconds = settings["seconds"]
    if settings["clock"] == "cpu":
        time.monotonic = time.process_time
    from thalweg.training.devices import configure

    configure()
    import jax.random as jr

    from thalweg.automl.fit import Settings, prepare
    from thalweg.data import load_table
    from thalweg.proposers import PROPOSERS, starting_from
    from thalweg.spaces.presets import portfolio
    from thalweg.study import Search
    from thalweg.training import Engine

    split = load(table, seed=seed)
    task = "classification" if split.is_classification else "regression"
    data = load_table(split.X_train, split.y_train, task)
    prepared = prepare(data, Settings(time_limit=seconds, seed=seed))
    warm = method == "warm"
    name, per_second, _ = method.partition(" per second")
    kind: Any = PROPOSERS["random" if warm else name]
    proposer = kind(per_second=True) if per_second else kind()
    if settings["portfolio"]:
        proposer = starting_from(proposer, portfolio(prepared.plan.space))
    engine = Engine(prepared.problem.training_task(), steps=prepared.plan.round_steps)
    watch = _Until(-math.inf if mark is None else mark)
    if warm:
        return _warm(prepared, engine, table)
    begin, cpu = time.monotonic(), time.process_time()
    search = Search(
        prepared.problem,
        prepared.plan.space,
        prepared.recipe,
        proposer,
        engine,
        keep=1,
        recorder=watch,
    )
    if mark is not None:  # what random search drew first must not be what is tried
        search.key = jr.key(OTHER + seed)
        search.state = proposer.init(search.space, key=search.key)
    search.run(deadline=begin + seconds)
    return {
        "table": table,
        "method": method,
        "seed": seed,
        "loss": min(watch.best, default=math.nan),
        "reached": watch.reached,
        "elapsed": time.monotonic() - begin,
        "cpu": time.process_time() - cpu,
        "steps": engine.tally.steps,
        "trials": len(search.trials),
        "compile": engine.tally.compile_seconds,
    }


def _warm(prepared: Any, engine: Any, table: str) -> dict[str, Any]:
    """Compile every program that the space can ask for; train nothing."""
    rng = np.random.default_rng(0)
    space = prepared.plan.space
    for config in space.decode(rng.random((200, space.dim))):
        bench = engine._bench(prepared.recipe(config))
        if not bench.ready:
            bench.program.compile(engine.task)
            bench.ready = True
    return {
        "table": table,
        "method": "warm",
        "seed": 0,
        "programs": len(engine._benches),
    }


class _Until:
    """A recorder that ends the search in the round that reaches the mark."""

    def __init__(self, mark: float):
        self.mark, self.reached = mark, None
        self.best: list[float] = []

    def record(self, search: Any, trials: list[Any]) -> None:
        found = [t for t in trials if math.isfinite(t.loss)]
        self.best += [t.loss for t in found]
        there = [t.finished for t in found if t.loss <= self.mark]
        if there and self.reached is None:
            self.reached = min(there)
            search.engine.interrupted = True


def summary(records: list[dict[str, Any]], seconds: float) -> str:
    """Median seconds to the mark over seeds; a search that missed it counts as more."""
    methods = list(dict.fromkeys(r["method"] for r in records))
    methods = [m for m in methods if m not in ("warm", "random")]
    lines = [
        "| table | random: score (trials) | " + " | ".join(methods) + " |",
        "| --- " * (2 + len(methods)) + "|",
    ]
    ratios: Mapping[str, list[float]] = {m: [] for m in methods}
    for table in dict.fromkeys(r["table"] for r in records):
        of = [r for r in records if r["table"] == table]
        base = [r for r in of if r["method"] == "random"]
        cells = []
        for method in methods:
            times = [
                math.inf if r["reached"] is None else r["reached"]
                for r in of
                if r["method"] == method
            ]
            median = float(np.median(times)) if times else math.nan
            ratios[method].append(median / seconds)
            missed = sum(map(math.isinf, times))
            late = f", {missed} of {len(times)} missed" if missed else ""
            cells.append(f"{median:.1f} s ({median / seconds:.2f}{late})")
        score = np.median([r["loss"] for r in base])
        trials = np.median([r["trials"] for r in base])
        lines.append(f"| {table} | {score:.4g} ({trials:.0f}) | {' | '.join(cells)} |")
    means = " | ".join(f"{np.median(ratios[m]):.2f}" for m in methods)
    lines.append(f"| median ratio | | {means} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
