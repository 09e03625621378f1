"""Trials per minute: the same random recipes through every tool, start-up included.

    python benchmarks/throughput.py --peer-python PEERS/bin/python --repeats 3
    python benchmarks/throughput.py --tools ours --recipes 256 2000     # the scaling

A trial is a 64-64 MLP on scikit-learn's digits, 20 epochs, batch 32. Every tool gets
the same list of recipes, runs in a fresh process bound to its cores, and is run in
turn (A B C A B C ...), because the machine's speed drifts. A tool may train only the
first `trials` recipes; its rate for the whole list is then

    recipes / (seconds until the first trial ended + further trials * their mean).
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import statistics
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from pinned import Finished, machine, run
from throughput_tools import TOOLS
from throughput_tools.recipes import recipes


def main() -> None:
    arguments = _arguments()
    if arguments.worker:
        tool, trials = arguments.worker
        module = import_module(f"throughput_tools.{TOOLS[tool].module}")
        work = recipes(int(trials), seed=arguments.seed)
        result = module.run(work, lanes=TOOLS[tool].lanes)
        print(json.dumps(dataclasses.asdict(result)))
        return
    print(f"# {machine()}", file=sys.stderr)
    minutes: dict[tuple[str, int], list[float]] = {}
    details: dict[tuple[str, int], dict[str, Any]] = {}
    for _ in range(arguments.repeats):
        for count in arguments.recipes:
            for tool in arguments.tools:
                record = _measure(tool, count, arguments)
                minutes.setdefault((tool, count), []).append(record["seconds"] / 60)
                details[tool, count] = record
                print(f"{tool:8s} {json.dumps(record)}", file=sys.stderr, flush=True)
    print(_table(minutes, details))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tools", nargs="+", default=list(TOOLS), choices=TOOLS)
    parser.add_argument("--recipes", nargs="+", type=int, default=[256])
    parser.add_argument("--trials", type=int, help="trials of the peers (their own)")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keras-backend", default="jax", choices=["jax", "torch"])
    parser.add_argument(
        "--peer-python",
        default=os.environ.get("THALWEG_PEER_PYTHON", sys.executable),
        help="interpreter with requirements.txt installed",
    )
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


def _measure(tool: str, count: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """One process; `seconds` is what all `count` recipes take, or would take."""
    entry = TOOLS[tool]
    asked = arguments.trials if arguments.trials and tool != "ours" else entry.trials
    trials = min(asked or count, count)
    began = time.time()
    finished = run(
        [
            sys.executable if tool == "ours" else arguments.peer_python,
            str(Path(__file__).resolve()),
            *("--seed", str(arguments.seed)),
            *("--worker", tool, str(trials)),
        ],
        cores=entry.cores,
        threads=entry.threads,
        variables={"KERAS_BACKEND": arguments.keras_backend},
    )
    result = _result(tool, finished)
    ended = [moment - began for moment in result["ended"]]
    seconds = _whole_list(ended, finished.wall_seconds, trials, count, entry.lanes)
    return {
        "recipes": count,
        "trials": trials,
        "wall_seconds": round(finished.wall_seconds, 2),
        "cpu_seconds": round(finished.cpu_seconds, 2),
        "seconds": round(seconds, 2),
        "per_minute": round(count / seconds * 60, 1),
        "median_accuracy": round(statistics.median(result["accuracy"]), 4),
        "best_accuracy": round(max(result["accuracy"]), 4),
    }


def _result(tool: str, finished: Finished) -> dict[str, Any]:
    if finished.returncode != 0:
        raise SystemExit(f"{tool} failed:\n{finished.errors[-2000:]}")
    return json.loads(finished.output.splitlines()[-1])


def _whole_list(
    ended: list[float], wall: float, trials: int, count: int, lanes: int
) -> float:
    """Seconds for `count` recipes, from a run of `trials` of them in `lanes` lanes."""
    if trials == count:
        return wall
    if len(ended) <= lanes:  # the tool does not say: its start-up is spread over few
        return wall * count / trials
    first, last = ended[lanes - 1], ended[-1]
    each = (last - first) / (len(ended) - lanes)
    return first + (count - lanes) * each + (wall - last)


def _table(
    minutes: dict[tuple[str, int], list[float]],
    details: dict[tuple[str, int], dict[str, Any]],
) -> str:
    medians = {key: statistics.median(values) for key, values in minutes.items()}
    repeats = len(next(iter(minutes.values())))
    lines = [
        f"{machine()}; medians (lowest to highest) of {repeats} runs in turn; start-up "
        "and compile time included.",
        "",
        "| tool | cores x threads | recipes | trained | trials per minute | Thalweg's"
        " multiple | median / best accuracy |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for (tool, count), values in minutes.items():
        rates = sorted(count / value for value in values)
        middle = count / medians[tool, count]
        ours = medians.get(("ours", count))
        multiple = f"{medians[tool, count] / ours:.1f}x" if ours else "-"
        entry, record = TOOLS[tool], details[tool, count]
        lines.append(
            f"| {entry.title} | {len(entry.cores)} x {entry.threads} | {count} "
            f"| {record['trials']} | {middle:.0f} ({rates[0]:.0f} to {rates[-1]:.0f}) "
            f"| {multiple} | {record['median_accuracy']:.3f} / "
            f"{record['best_accuracy']:.3f} |"
        )
    counts = sorted({count for tool, count in medians if tool == "ours"})
    if len(counts) > 1:
        few, many = counts[0], counts[-1]
        ratio = medians["ours", many] / medians["ours", few]
        lines += ["", f"{many} recipes took {ratio:.2f} times as long as {few}."]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
