"""Time of one step of every optimizer, beside optax and PyTorch; and 512 settings.

    PEERS/bin/pip install -e . && PEERS/bin/python benchmarks/optimizers.py
    PEERS/bin/python benchmarks/optimizers.py --sizes 10k 1M --only adamw muon

All libraries run in this process, in turn and in single precision: in each round each
takes as many steps as fill a fixed time. A ratio is taken within a round, because the
machine's speed drifts; shown are the median over the rounds and the middle half.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from pinned import THREAD_VARIABLES, machine

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
PEERS = {"optax": "optax", "torch": "PyTorch", "fused": "PyTorch, fused"}


def main() -> None:
    arguments = _arguments()
    cores = range(arguments.cores)
    os.sched_setaffinity(0, cores)  # before the libraries ask how many there are
    os.environ |= dict.fromkeys(THREAD_VARIABLES, str(len(cores)))
    os.environ["JAX_PLATFORMS"] = "cpu"

    records = _steps(arguments) if "steps" in arguments.parts else []
    if records:
        print(_table(records, arguments), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(records))
    if "settings" in arguments.parts:
        from optimizer_steps.settings import measure

        print(_settings_table(measure(arguments.settings_repeats), arguments))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--parts", nargs="+", default=["steps", "settings"], help="one of the two; both"
    )
    parser.add_argument("--sizes", nargs="+", help="of 10k, 1M, 25M; all")
    parser.add_argument("--only", nargs="+", help="names of OPTIMIZERS; all")
    parser.add_argument("--repeats", type=int, default=15, help="rounds")
    parser.add_argument("--settings-repeats", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.03, help="of a turn")
    parser.add_argument("--cores", type=int, default=os.cpu_count())
    parser.add_argument(
        "--clock",
        choices=CLOCKS,
        default="wall",
        help="`cpu`: processor seconds, for a machine that others use too",
    )
    parser.add_argument("--json", type=Path, help="where to write the ratios")
    return parser.parse_args()


def _steps(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    from optimizer_steps.calls import RULES
    from optimizer_steps.trees import TREES

    records = []
    for size in arguments.sizes or TREES:
        for name in arguments.only or RULES:
            if size in RULES[name].sizes:
                records.append(_measure(name, size, arguments))
                print(json.dumps(records[-1]), file=sys.stderr, flush=True)
    return records


def _measure(name: str, size: str, arguments: argparse.Namespace) -> dict[str, Any]:
    from optimizer_steps.calls import RULES
    from optimizer_steps.steps import contestants
    from optimizer_steps.trees import TREES, filled

    params, grads = filled(TREES[size], 0.05, seed=0), filled(TREES[size], 0.01, seed=1)
    runs = contestants(name, RULES[name], params, grads)
    times = _rounds(runs, arguments)
    ours = times["ours"]
    record: dict[str, Any] = {
        "optimizer": name,
        "size": size,
        "ms": _quarters(ours, 1e3),
    }
    for peer in times.keys() - {"ours"}:
        ratios = [p / o for p, o in zip(times[peer], ours, strict=True)]
        record[peer] = _quarters(ratios)
    del runs
    gc.collect()
    return record


def _rounds(
    runs: dict[str, Any], arguments: argparse.Namespace
) -> dict[str, list[float]]:
    """Seconds of a step in every round, each library in turn and each first in turn."""
    clock = CLOCKS[arguments.clock]
    counts = {name: _count(run, arguments.seconds) for name, run in runs.items()}
    times: dict[str, list[float]] = {name: [] for name in runs}
    names = list(runs)
    for turn in range(arguments.repeats):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            runs[name](1)
            began = clock()
            runs[name](counts[name])
            times[name].append((clock() - began) / counts[name])
    return times


def _count(run: Any, seconds: float) -> int:
    """How many steps fill the time."""
    run(2)  # compiles
    count = 1
    while True:
        began = time.perf_counter()
        run(count)
        took = time.perf_counter() - began
        if took > seconds / 4:
            return max(1, round(count * seconds / took))
        count *= 4


def _quarters(values: list[float], unit: float = 1.0) -> list[float]:
    """The median, the lower and the upper quartile."""
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return [round(unit * x, 4) for x in (middle, low, high)]


def _table(records: list[dict[str, Any]], arguments: argparse.Namespace) -> str:
    """A row per optimizer, the peers' multiples of our time."""
    lines = [
        f"{_circumstances(arguments)}; median (middle half) of {arguments.repeats} "
        "rounds; peers as multiples of our time.",
        "",
        f"| parameters | optimizer | Thalweg, ms | {' | '.join(PEERS.values())} |",
        "| --- | --- | --- |" + " --- |" * len(PEERS),
    ]
    for record in records:
        cells = [record["size"], record["optimizer"], f"{record['ms'][0]:.3g}"]
        for peer in PEERS:
            middle, low, high = record.get(peer, [0, 0, 0])
            cells.append(f"{middle:.2f} ({low:.2f} to {high:.2f})" if middle else "-")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _settings_table(
    seconds: list[tuple[str, list[float]]], arguments: argparse.Namespace
) -> str:
    """A row per way to train with 512 settings."""
    least = min(statistics.median(values) for _, values in seconds)
    lines = [
        f"{_circumstances(arguments)}; median of {arguments.settings_repeats} runs, "
        "compiling included.",
        "",
        "| 512 settings of Adam | seconds | multiple of the least |",
        "| --- | --- | --- |",
    ]
    for title, values in seconds:
        middle = statistics.median(values)
        lines.append(f"| {title} | {middle:.1f} | {middle / least:.1f} |")
    return "\n".join(lines)


def _circumstances(arguments: argparse.Namespace) -> str:
    kind = {"wall": "wall time", "cpu": "processor time"}[arguments.clock]
    return (
        f"{machine()}; {arguments.cores} core(s) and thread(s) for every library; "
        f"single precision; {kind}"
    )


if __name__ == "__main__":
    main()
