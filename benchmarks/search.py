"""Thalweg's search algorithms beside Optuna's, SMAC3 and the NAS literature's.

    python benchmarks/search.py --proposers gp random --seeds 10
    python benchmarks/search.py --summary
    PEERS/bin/python benchmarks/search.py --peers "Optuna TPE" SMAC3

Every (method, task, seed) is one search, one configuration at a time; it is appended to
`--results` as a line of JSON and not run again. Peers' searches are read from
`search_peers.json.gz` unless `--peers` measures them in this run. Times are of the
processor. Set OMP_NUM_THREADS=1, as the recorded runs did.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import time
import zlib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from search_overhead import overhead
from search_peers import LIBRARIES, PEERS
from search_protocol import protocol, protocol_table
from search_summary import summarise
from search_tasks import Task, tasks

from thalweg.proposers import PROPOSERS, Outcome
from thalweg.spaces import Space

RECORDED = Path(__file__).with_name("search_peers.json.gz")
LONG = 300  # evaluations on NAS-Bench-201's validation tables, where they are cheap
SLOW = ("Optuna TPE", "Optuna GP", "SMAC3")
PART = 10  # suggestions at each mark whose time is averaged


class Ours:
    """A proposer of the table, asked for one configuration at a time."""

    def __init__(self, space: Space, seed: int, proposer: str):
        import jax.random as jr

        self.proposer, self.space = PROPOSERS[proposer](), space
        self.keys = lambda n: jr.fold_in(jr.key(seed), n)
        self.state = self.proposer.init(space, key=self.keys(0))
        self.asks = 0

    def ask(self) -> dict[str, Any] | None:
        self.asks += 1
        self.proposal, self.state = self.proposer.ask(
            self.state, 1, key=self.keys(self.asks)
        )
        return self.space.decode(self.proposal.x)[0] if len(self.proposal) else None

    def tell(self, loss: float) -> None:
        p, number = self.proposal, np.array([self.asks - 1])
        outcome = Outcome(
            p.x, number, p.parent, p.budget, np.array([loss]), np.array([np.nan])
        )
        self.state = self.proposer.tell(self.state, outcome)


def search(method: str, task: Task, seed: int) -> dict[str, Any]:
    """One search; the incumbent is the lowest loss told, its record without noise."""
    np.random.seed(seed)  # noqa: NPY002 (what peers draw from)
    random.seed(seed)
    count = task.evaluations
    if task.name.endswith("validation") and method not in SLOW:
        count = LONG
    if method in PEERS:
        made = PEERS[method](
            task.benchmark.space, seed, evaluations=count, noise=task.noise
        )
    else:
        made = Ours(task.benchmark.space, seed, method)
    lots = np.random.default_rng([seed, zlib.crc32(task.name.encode())])
    best, incumbents, spent = np.inf, [], []
    start = time.process_time()
    for i in range(count):
        before = time.process_time()
        config = made.ask()
        asked = time.process_time() - before
        if config is None:
            break  # all of the space was proposed
        true = seen = task.benchmark(config)
        if task.noise:
            seen = true + task.benchmark.noise * lots.standard_normal()
        if seen < best:
            best = seen
            incumbents.append([i + 1, float(f"{true:.9g}")])
        before = time.process_time()
        made.tell(seen)
        spent.append(asked + time.process_time() - before)
    marks = [m for m in (25, 50, 100, 200, 300) if m <= len(spent)]
    return {
        "method": method,
        "task": task.name,
        "seed": seed,
        "evaluations": count,
        "incumbents": incumbents,
        "ms": [round(1e3 * float(np.mean(spent[m - PART : m])), 3) for m in marks],
        "cpu_seconds": round(time.process_time() - start, 2),
    }


def recorded(path: Path = RECORDED) -> list[dict[str, Any]]:
    """What was measured of the peers, with versions in the first record."""
    with gzip.open(path, "rt") as file:
        return json.load(file)


def read(path: Path) -> list[dict[str, Any]]:
    """The lines of a results file, if there is one."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]


def pack(results: list[dict[str, Any]], path: Path = RECORDED) -> None:
    """Writes results as the record of the peers."""
    text = json.dumps(sorted(results, key=lambda r: json.dumps(r, sort_keys=True)))
    path.write_bytes(gzip.compress(text.encode(), mtime=0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--proposers", nargs="*", default=[], choices=PROPOSERS)
    parser.add_argument("--peers", nargs="*", default=[], choices=PEERS)
    parser.add_argument("--groups", nargs="+", default=["nas", "hpo", "functions"])
    parser.add_argument("--tasks", nargs="*", help="only those whose name has a word")
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--data", help="folder of the tables; else $THALWEG_DATA")
    parser.add_argument("--results", type=Path, default=Path("search.jsonl"))
    parser.add_argument("--overhead", action="store_true", help="time suggestions too")
    parser.add_argument("--protocol", action="store_true", help="the published one too")
    parser.add_argument("--summary", action="store_true", help="only print the tables")
    parser.add_argument("--pack", action="store_true", help="record these results")
    arguments = parser.parse_args()
    words = arguments.tasks or [""]
    arena = tasks(arguments.groups, arguments.data)
    arena = [task for task in arena if any(word in task.name for word in words)]
    if not arguments.summary:
        _run(arguments, arena)
    results = read(arguments.results)
    if arguments.pack:
        pack(results)
        return
    measured = {r["method"] for r in results}
    old = recorded() if RECORDED.exists() else []
    results += [r for r in old if r["method"] not in measured]
    print(summarise(results, arena))
    print(protocol_table(results))


def _run(arguments: argparse.Namespace, arena: list[Task]) -> None:
    def key(r: dict[str, Any]) -> tuple[Any, ...]:
        kind = "protocol" if "protocol" in r else "overhead" if "told" in r else ""
        return r["method"], r.get("task", kind), r.get("seed"), r.get("told")

    done = {key(r) for r in read(arguments.results)}

    def record(result: dict[str, Any]) -> None:
        for name in {LIBRARIES.get(result["method"])} - {None}:
            result["version"] = f"{name} {version(name)}"
        with arguments.results.open("a") as file:
            file.write(json.dumps(result) + "\n")

    methods = [*arguments.proposers, *arguments.peers]
    if arguments.overhead:
        for method in methods:
            for told in (100, 1000, 10_000):
                if (method, "overhead", None, told) not in done:
                    record(overhead(method, told, Ours))
    for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
        for method in methods:
            for task in arena:
                if (method, task.name, seed, None) not in done:
                    record(search(method, task, seed))
            ours = method in arguments.proposers
            wanted = arguments.protocol and ours
            if wanted and (method, "protocol", seed, None) not in done:
                record(protocol(method, seed, arguments.data))


if __name__ == "__main__":
    main()
