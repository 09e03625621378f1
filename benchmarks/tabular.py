"""Thalweg against its peers on the development tables, under one limit on one core.

    python benchmarks/tabular.py --peer-python PEERS/bin/python --core 0
    python benchmarks/tabular.py --summary

Two cores at once: `--core 0 --part 0 2` beside `--core 1 --part 1 2`, one results file.

Every (table, method, seed) is one fresh process bound to ONE core with every thread
pool set to one thread, so that two runs with different `--core` do not disturb each
other. Its result is one line of JSON in `--results`; what is there is not run again
(`--retry` runs again what failed). Methods that take a time limit are killed after
five times the limit; the others run their defaults to the end, up to `--cpu-limit`
seconds of processor time.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pinned import machine, peak_rss_mib, run
from tabular_methods import METHODS
from tabular_summary import summarise
from tabular_tables import baseline, judge, load, metadata

KILL_FACTOR = 5  # times the limit


def main() -> None:
    arguments = _arguments()
    if arguments.worker:
        table, method, seed = arguments.worker
        print(json.dumps(_measure(table, method, int(seed), arguments.seconds)))
        return
    if not arguments.summary:
        _run_all(arguments)
    print(summarise(_read(arguments.results), seconds=arguments.seconds))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    tables = [record["name"] for record in metadata()]
    default = [name for name in METHODS if name != "autogluon_best"]
    parser.add_argument("--seconds", type=float, default=60.0, help="limit of a fit")
    parser.add_argument("--core", type=int, default=0, help="the core to run on")
    parser.add_argument("--tables", nargs="+", default=tables, choices=tables)
    parser.add_argument("--methods", nargs="+", default=default, choices=METHODS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--results", type=Path, default=Path("tabular.jsonl"))
    parser.add_argument(
        "--part",
        nargs=2,
        type=int,
        default=(0, 1),
        metavar=("K", "N"),
        help="run only every N-th table, beginning with the K-th",
    )
    parser.add_argument("--retry", action="store_true", help="run failures again")
    parser.add_argument("--cpu-limit", type=float, default=600.0)
    parser.add_argument(
        "--peer-python",
        default=os.environ.get("THALWEG_PEER_PYTHON", sys.executable),
        help="interpreter with requirements.txt installed",
    )
    parser.add_argument("--summary", action="store_true", help="only print the tables")
    parser.add_argument("--worker", nargs=3, help=argparse.SUPPRESS)
    return parser.parse_args()


def _run_all(arguments: argparse.Namespace) -> None:
    print(f"# {machine()}; core {arguments.core}, 1 thread", file=sys.stderr)
    first, step = arguments.part
    plan = [
        (t, m, s)
        for s in arguments.seeds
        for m in arguments.methods
        for t in arguments.tables[first::step]
    ]
    for table, method, seed in plan:
        key = (table, method, seed, arguments.seconds)
        known = {_key(r): r for r in _read(arguments.results)}
        failed = key in known and known[key]["status"] != "ok"
        if key in known and not (arguments.retry and failed):
            continue
        record = _run_one(table, method, seed, arguments)
        with arguments.results.open("a") as file:
            file.write(json.dumps(record) + "\n")
        print(
            f"{time.strftime('%H:%M:%S')} {table:20s} {method:14s} "
            f"{record['status']:8s} loss {record.get('loss', float('nan')):.5f} "
            f"fit {record.get('fit_seconds', float('nan')):.1f} s",
            file=sys.stderr,
            flush=True,
        )


def _run_one(
    table: str, method: str, seed: int, arguments: argparse.Namespace
) -> dict[str, Any]:
    clocked = METHODS[method].clocked
    python = sys.executable if method == "ours" else arguments.peer_python
    finished = run(
        [
            *(python, str(Path(__file__).resolve())),
            *("--seconds", str(arguments.seconds)),
            *("--worker", table, method, str(seed)),
        ],
        cores=[arguments.core],
        threads=1,
        kill_after=KILL_FACTOR * arguments.seconds if clocked else None,
        cpu_limit=None if clocked else arguments.cpu_limit,
    )
    head = {
        "table": table,
        "method": method,
        "seed": seed,
        "limit": arguments.seconds,
        "core": arguments.core,
        "load": round(os.getloadavg()[0], 2),
        "finished_at": time.strftime("%Y-%m-%dT%H:%M:%S"),
        "process_seconds": round(finished.wall_seconds, 2),
    }
    if finished.cause is not None:
        return head | {"status": "killed", "note": f"{finished.cause} limit"}
    if finished.returncode != 0:
        return head | {"status": "crashed", "note": finished.errors[-500:]}
    return head | json.loads(finished.output.splitlines()[-1])


def _measure(table: str, method: str, seed: int, seconds: float) -> dict[str, Any]:
    """In the worker: fit, predict, judge. Imports and reading lie outside the clock."""
    entry = METHODS[method]
    problem = load(table, seed=seed)
    fit = getattr(import_module(f"tabular_methods.{entry.module}"), entry.function)
    began, cpu_began = time.monotonic(), _cpu_seconds()
    predict = fit(problem, seconds=seconds, seed=seed)
    fitted, cpu_fitted = time.monotonic(), _cpu_seconds()
    scores = judge(problem, predict(problem.X_test))
    return {
        "status": "ok" if scores["loss"] < float("inf") else "invalid",
        **scores,
        "baseline": baseline(problem),
        "fit_seconds": round(fitted - began, 2),
        "fit_cpu_seconds": round(cpu_fitted - cpu_began, 2),
        "predict_seconds": round(time.monotonic() - fitted, 3),
        "peak_rss_mib": round(peak_rss_mib()),
        "version": version(entry.package),
    }


def _cpu_seconds() -> float:
    spent = [
        resource.getrusage(who)
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ]
    return sum(use.ru_utime + use.ru_stime for use in spent)


def _read(path: Path) -> list[dict[str, Any]]:
    """The last line of every (table, method, seed, limit)."""
    if not path.exists():
        return []
    records = [json.loads(line) for line in path.read_text().splitlines()]
    return list({_key(record): record for record in records}.values())


def _key(record: dict[str, Any]) -> tuple[str, str, int, float]:
    return record["table"], record["method"], record["seed"], record["limit"]


if __name__ == "__main__":
    main()
