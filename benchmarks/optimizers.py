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
import random
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from pinned import THREAD_VARIABLES, machine

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def main() -> None:
    arguments = _arguments()
    if arguments.show:
        texts = [file.read_text() for file in arguments.show]
        print(_table([record for text in texts for record in json.loads(text)]))
        return
    cores = range(arguments.cores)
    os.sched_setaffinity(0, cores)  # before the libraries ask how many there are
    os.environ |= dict.fromkeys(THREAD_VARIABLES, str(len(cores)))
    os.environ["JAX_PLATFORMS"] = "cpu"

    records = _steps(arguments) if "steps" in arguments.parts else []
    if records:
        about = f"median (middle half) of {arguments.repeats} rounds."
        print(f"{_circumstances(arguments)}; {about}\n\n{_table(records)}", flush=True)
    if records and arguments.json:
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
    parser.add_argument("--show", nargs="+", type=Path, help="only show what is there")
    return parser.parse_args()


def _steps(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    from optimizer_steps.calls import RULES
    from optimizer_steps.trees import TREES

    from thalweg.optimizers import OPTIMIZERS

    records = []
    for size in arguments.sizes or TREES:
        for name in arguments.only or RULES:
            if size in RULES[name].sizes and name in OPTIMIZERS:
                records.append(_measure(name, size, arguments))
                print(json.dumps(records[-1]), file=sys.stderr, flush=True)
    return records


def _measure(name: str, size: str, arguments: argparse.Namespace) -> dict[str, Any]:
    from optimizer_steps.calls import RULES
    from optimizer_steps.steps import contestants
    from optimizer_steps.trees import TREES, filled

    params, grads = filled(TREES[size], 0.05, seed=0), filled(TREES[size], 0.01, seed=1)
    steps = contestants(name, RULES[name], params, grads)
    times = _rounds(steps, RULES[name].period, arguments)
    ours = times["ours"]
    record: dict[str, Any] = {
        "optimizer": name,
        "size": size,
        "ms": _quarters(ours, 1e3),
    }
    for peer in times.keys() - {"ours"}:
        ratios = [p / o for p, o in zip(times[peer], ours, strict=True)]
        record[peer] = _quarters(ratios)
    del steps
    gc.collect()
    return record


def _rounds(
    steps: dict[str, Any], period: int, arguments: argparse.Namespace
) -> dict[str, list[float]]:
    """Seconds of a step in every round, the libraries in an order drawn anew."""
    clock = CLOCKS[arguments.clock]
    counts = {name: _count(step, arguments.seconds) for name, step in steps.items()}
    counts = {name: -(-count // period) * period for name, count in counts.items()}
    times: dict[str, list[float]] = {name: [] for name in steps}
    order = random.Random(0)
    for _ in range(arguments.repeats):
        for name in order.sample(list(steps), len(steps)):
            steps[name].move()
            steps[name].run(1)
            began = clock()
            steps[name].run(counts[name])
            times[name].append((clock() - began) / counts[name])
    return times


def _count(step: Any, seconds: float) -> int:
    """How many steps fill the time."""
    step.run(2)  # compiles
    count = 1
    while True:
        began = time.perf_counter()
        step.run(count)
        took = time.perf_counter() - began
        if took > seconds / 4:
            return max(1, round(count * seconds / took))
        count *= 4


def _quarters(values: list[float], unit: float = 1.0) -> list[float]:
    """The median, the lower and the upper quartile."""
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return [round(unit * x, 4) for x in (middle, low, high)]


def _table(records: list[dict[str, Any]]) -> str:
    """A row per optimizer; the peers' times as multiples of ours."""
    sizes = list(dict.fromkeys(record["size"] for record in records))
    head = [f"{size}: ms | optax | PyTorch" for size in sizes]
    lines = [
        f"| optimizer | {' | '.join(head)} |",
        "| --- |" + " --- |" * 3 * len(sizes),
    ]
    cells = {(r["optimizer"], r["size"]): _cells(r) for r in records}
    for name in dict.fromkeys(record["optimizer"] for record in records):
        row = [cells.get((name, size), "- | - | -") for size in sizes]
        lines.append(f"| {name} | {' | '.join(row)} |")
    return "\n".join(lines)


def _cells(record: dict[str, Any]) -> str:
    """Our milliseconds, optax's multiple with its middle half, PyTorch's best one."""
    optax = "-"
    if "optax" in record:
        optax = "{:.2f} ({:.2f} to {:.2f})".format(*record["optax"])
    forms = {"torch": "", "fused": " fused", "bfloat16": " in bfloat16"}
    found = {form: record[form][0] for form in forms if form in record}
    single = {form: x for form, x in found.items() if form != "bfloat16"}
    shown = sorted(single, key=lambda form: single[form])[:1]
    shown += ["bfloat16"] if "bfloat16" in found else []
    torch = ", ".join(f"{found[form]:.2f}{forms[form]}" for form in shown)
    return f"{record['ms'][0]:.3g} | {optax} | {torch or '-'}"


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
